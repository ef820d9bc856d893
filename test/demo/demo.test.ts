import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeRecipients } from '../../scripts/demo/make-recipients.ts';
import type { DemoResult } from '../../src/cli/demo-report.ts';
import { textyard } from '../cli/command-line.ts';
import { createTestDatabase } from '../support/database.ts';

it('is made from the committed list, which its script makes', () => {
  const file = readFileSync(
    join(import.meta.dirname, '..', '..', 'scripts', 'demo', 'recipients.csv'),
    'utf8',
  );
  expect(file).toBe(makeRecipients());
  expect(file.trim().split('\n')).toHaveLength(10_001);
});

it('settles by itself, and its reports agree with each other', { timeout: 120_000 }, async () => {
  const database = await createTestDatabase();
  try {
    const { code, stdout, stderr } = await textyard(['demo', '--once', '--json', '--timeout', '100'], {
      url: database.url,
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining('10,000 lines read')]);
    const { lines, badLines, report, traffic, messages, backends, errors } = JSON.parse(stdout) as DemoResult;
    const sum = <T>(rows: readonly T[], value: (row: T) => number) =>
      rows.reduce((total, row) => total + value(row), 0);

    // Every line of the file is accounted for.
    expect(lines).toBe(10_000);
    expect(report.queued + report.suppressed + report.duplicates + report.rejected + badLines).toBe(lines);
    expect(report.queued).toBeGreaterThan(9_000);

    // Nothing is left over, and the reports see the same texts.
    expect(traffic).toMatchObject({ queued: 0, underWay: 0, toBeRetried: 0, unread: 0 });
    expect(traffic.sent + traffic.delivered + traffic.errored).toBe(traffic.outbound);
    const out = messages.filter((row) => row.direction === 'O');
    expect(out[0]).toMatchObject({ messages: 1, recipients: report.queued, queued: 0, processing: 0 });
    expect(sum(out, (row) => row.recipients)).toBe(traffic.outbound);
    expect(sum(out, (row) => row.sent + row.delivered + row.errored)).toBe(traffic.outbound);
    expect(sum(messages, (row) => row.recipients)).toBe(traffic.outbound + traffic.inbound);
    expect(sum(backends, (row) => row.outbound)).toBe(traffic.outbound);
    expect(sum(backends, (row) => row.inbound)).toBe(traffic.inbound);
    expect(sum(backends, (row) => row.delivered)).toBe(traffic.delivered);
    expect(sum(backends, (row) => row.sent)).toBe(traffic.sent + traffic.delivered);
    expect(sum(errors, (row) => row.transmissions)).toBe(traffic.errored);

    // All that the demo promises happened: phones answered, apps replied, people opted out, calls failed.
    expect(traffic.inbound).toBeGreaterThan(500);
    expect(out.map((row) => row.text)).toEqual(
      expect.arrayContaining(['pong', 'is anybody there?', 'Good, see you on Saturday!']),
    );
    expect(errors.map((row) => row.errorCode)).toEqual(
      expect.arrayContaining(['landline', 'undelivered', 'invalid_number']),
    );
  } finally {
    await database.drop();
  }
});
