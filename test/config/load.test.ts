import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const loader = new URL('../../src/config/load.ts', import.meta.url).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textyard-config-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/**
 * Loads in a Node of its own: the test runner would run the config file through its own
 * transformer, whose errors look different.
 */
function load(options: { configPath?: string; env?: Record<string, string> } = {}): string {
  const script = `
    import { loadSettings } from ${JSON.stringify(loader)};
    try {
      const settings = await loadSettings({ ...${JSON.stringify(options)}, cwd: ${JSON.stringify(folder)} });
      console.log(JSON.stringify({ ...settings, backends: [...settings.backends.keys()] }));
    } catch (error) {
      console.log(error.name + ': ' + error.message);
    }`;
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return (result.stdout + (result.status === 0 ? '' : result.stderr)).trim().replaceAll(folder, '<folder>');
}

const write = (name: string, text: string) => writeFile(join(folder, name), text);

describe('finding it', () => {
  test('no file: built-in settings', () => {
    expect(JSON.parse(load())).toMatchObject({ backends: ['simulator'], directory: '<folder>' });
  });

  test('a TypeScript file, types and all', async () => {
    await write(
      'textyard.config.ts',
      "const name: string = 'line';\nexport default { backends: { [name]: { type: 'simulator' as const } } };\n",
    );
    expect(JSON.parse(load())).toMatchObject({
      backends: ['line'],
      source: '<folder>/textyard.config.ts',
      directory: '<folder>',
    });
  });

  test.each(['textyard.config.js', 'textyard.config.mjs'])('%s', async (name) => {
    await write('package.json', '{"type":"module"}');
    await write(name, 'export default { http: { port: 1234 } };\n');
    expect(JSON.parse(load())).toMatchObject({ http: { port: 1234 } });
  });

  test('a file that is named, in another folder', async () => {
    await mkdir(join(folder, 'deploy'));
    await write('textyard.config.mjs', 'throw new Error("not this one");\n');
    await write('deploy/staging.mjs', 'export default { http: { port: 4321 } };\n');
    expect(JSON.parse(load({ configPath: 'deploy/staging.mjs' }))).toMatchObject({
      http: { port: 4321 },
      directory: '<folder>/deploy',
    });
  });

  test('an async function', async () => {
    await write('textyard.config.mjs', 'export default async () => ({ http: { port: 77 } });\n');
    expect(JSON.parse(load())).toMatchObject({ http: { port: 77 } });
  });
});

describe('one line for what is wrong', () => {
  test.each<{ what: string; name?: string; text: string; says: string | RegExp }>([
    {
      what: 'a syntax error in TypeScript',
      name: 'textyard.config.ts',
      text: 'const a: number = 1;\nexport default { a: {{} };\n',
      says: /^TextyardError: textyard\.config\.ts:2: SyntaxError: [^\n]+$/,
    },
    {
      what: 'TypeScript that cannot be stripped',
      name: 'textyard.config.ts',
      text: 'enum Line { A }\nexport default { Line };\n',
      says: /^TextyardError: textyard\.config\.ts:1: SyntaxError: [^\n]*enum[^\n]*$/,
    },
    {
      what: 'a syntax error in JavaScript',
      text: '\n\nexport default { apps: [ oops oops ] };\n',
      says: "TextyardError: textyard.config.mjs:3: SyntaxError: Unexpected identifier 'oops'",
    },
    {
      what: 'an exception of several lines',
      text: '\nthrow new TypeError("no such line\\nreally");\n',
      says: 'TextyardError: textyard.config.mjs:2: TypeError: no such line',
    },
    {
      what: 'an exception in a function',
      text: 'export default () => {\n  throw new Error("no vault");\n};\n',
      says: 'TextyardError: textyard.config.mjs:2: no vault',
    },
    {
      what: 'a missing package',
      text: 'import "no-such-package";\nexport default {};\n',
      says: "TextyardError: textyard.config.mjs: Cannot find package 'no-such-package' imported from <folder>/textyard.config.mjs",
    },
    {
      what: 'no default export',
      text: 'export const config = {};\n',
      says: 'TextyardError: textyard.config.mjs: must export its settings: export default defineConfig({ … })',
    },
    {
      what: 'a wrong setting',
      text: 'export default { http: { port: "80" } };\n',
      says: 'TextyardError: textyard.config.mjs: http.port: must be a number, not "80"',
    },
  ])('$what', async ({ name = 'textyard.config.mjs', text, says }) => {
    await write(name, text);
    const output = load();
    if (typeof says === 'string') expect(output).toBe(says);
    else expect(output).toMatch(says);
  });

  test('a named file that is not there', () => {
    expect(load({ configPath: 'nowhere.ts' })).toBe(
      'TextyardError: --config nowhere.ts: there is no such file',
    );
  });
});
