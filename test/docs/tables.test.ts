/** The tables of the pages agree with the code: settings, error codes, views. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { backendPolicySchema } from '../../src/backends/policy.ts';
import { backendTypes } from '../../src/backends/registry.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { settingsSchema } from '../../src/config/settings.ts';
import { SEND_ERRORS } from '../../src/errors.ts';
import { Database } from '../../src/store/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { page, tableBelow } from './pages.ts';

const readme = page('README.md');
const reporting = page('docs/reporting.md');

interface JsonSchema {
  readonly properties?: Record<string, JsonSchema>;
  readonly required?: readonly string[];
  readonly default?: unknown;
}

/** Every setting with its default as the pages write it: `200`, "required", or a dash for none. */
function settingsOf(schema: z.ZodType): string[][] {
  const leaves = ({ properties = {}, required = [] }: JsonSchema, path: string): string[][] =>
    Object.entries(properties).flatMap(([name, one]) => {
      if (one.properties) return leaves(one, `${path}${name}.`);
      const none = required.includes(name) && path === '' ? 'required' : '–';
      return [
        [`\`${path}${name}\``, one.default === undefined ? none : `\`${JSON.stringify(one.default)}\``],
      ];
    });
  return leaves(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema, '');
}

test('settings', () => {
  const listed = tableBelow(readme, 'Settings');
  // What these are without the setting is said in words.
  const inWords = ['`backends`', '`apps`', '`worker.backends`'];
  expect(listed.map(([name, value]) => [name, inWords.includes(name ?? '') ? '–' : value])).toEqual(
    settingsOf(settingsSchema),
  );
});

test('variables of the environment', () => {
  const variables = tableBelow(readme, 'Settings').flatMap(
    ([, , variable = '']) => variable.match(/\w+/g) ?? [],
  );
  const asked: string[] = [];
  const spy = new Proxy({}, { get: (_, name) => void asked.push(String(name)) });
  readEnvironment(spy);
  expect(variables.toSorted()).toEqual(asked.toSorted());
});

test('settings of a backend', () => {
  const listed = tableBelow(readme, 'Settings of a backend').map((row) => row.slice(0, 2));
  expect(listed).toEqual(settingsOf(backendPolicySchema));
});

describe('settings of the types of backends', () => {
  test.each(Object.entries(backendTypes))('%s', (name, { schema }) => {
    const listed = tableBelow(page('docs/backends.md'), name).map((row) => row.slice(0, 2));
    expect(listed).toEqual(settingsOf(schema));
  });
});

test('error codes', () => {
  const listed = tableBelow(readme, 'Error codes');
  const there = Object.entries(SEND_ERRORS).map(([code, one]) => [`\`${code}\``, one.class, one.meaning]);
  expect(listed).toEqual(there);
});

test('columns of the reporting views', async () => {
  const scratch = await createTestDatabase();
  const database = new Database({ url: scratch.url, maxConnections: 1 });
  try {
    const rows = await database.query<{ view: string; column: string; comment: string }>(
      `SELECT c.relname AS view, a.attname AS column, col_description(c.oid, a.attnum) AS comment
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname, a.attnum`,
    );
    const views = Map.groupBy(rows, (row) => row.view);
    for (const [view, columns] of views) {
      const there = columns.map(({ column, comment }) => [`\`${column}\``, comment]);
      expect(tableBelow(reporting, view), view).toEqual(there);
    }
    const summary = tableBelow(readme, 'Reporting views').map(([name = '']) => name.replaceAll('`', ''));
    expect(summary.toSorted()).toEqual([...views.keys()]);
  } finally {
    await database.close();
    await scratch.drop();
  }
});
