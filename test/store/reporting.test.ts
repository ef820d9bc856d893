import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const ROLE_SCRIPT = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  '..',
  'prisma',
  'roles',
  'readonly.sql',
);
const VIEWS = [
  'report_assignment_delivery',
  'report_backend_hourly',
  'report_connection_history',
  'report_errors',
  'report_inbound_replies',
  'report_message_delivery',
];
const id = (number: number) => `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`;

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("SET TIME ZONE 'UTC'");
  await client.query(`
    INSERT INTO backends (id, name) VALUES (1, 'twilio'), (2, 'smpp');
    INSERT INTO contacts (id, name) VALUES (1, 'Ada');
    INSERT INTO connections (id, backend_id, identity, contact_id)
      VALUES (1, 1, '+1', 1), (2, 1, '+2', NULL), (3, 1, '+3', NULL), (4, 2, '+4', NULL), (5, 2, '+5', NULL);
    INSERT INTO messages (id, direction, status, text, date, recipients, in_response_to_id, backend_id) VALUES
      ('${id(1)}', 'O', 'E', 'to all', '2026-01-01 10:00Z', 5, NULL, NULL),
      ('${id(2)}', 'I', 'R', 'question', '2026-01-01 11:30Z', 1, NULL, 1),
      ('${id(4)}', 'I', 'R', 'no answer', '2026-01-01 11:31Z', 1, NULL, 1);
    INSERT INTO messages (id, direction, status, text, date, in_response_to_id)
      VALUES ('${id(3)}', 'O', 'S', 'answer', '2026-01-01 11:30:02.5Z', '${id(2)}');
    UPDATE messages SET sent = '2026-01-01 11:30:04Z' WHERE id = '${id(3)}';
    INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, date, updated, sent, delivered, external_id, error_code, error_message, retry_at, text, segments) VALUES
      ('${id(11)}', '${id(1)}', 1, 1, 'D', '2026-01-01 10:00Z', now(), '2026-01-01 10:00:02Z', '2026-01-01 10:00:07Z', 'SM1', NULL, NULL, NULL, 'Dear Ada', 2),
      ('${id(12)}', '${id(1)}', 2, 1, 'S', '2026-01-01 10:00Z', now(), '2026-01-01 10:00:04Z', NULL, 'SM2', NULL, NULL, NULL, NULL, 1),
      ('${id(13)}', '${id(1)}', 3, 1, 'E', '2026-01-01 10:00Z', '2026-01-01 10:01Z', NULL, NULL, NULL, 'throttled', 'slow down', now(), NULL, 1),
      ('${id(14)}', '${id(1)}', 4, 2, 'P', '2026-01-01 10:00Z', now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
      ('${id(15)}', '${id(1)}', 5, 2, 'Q', '2026-01-01 10:00Z', now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
      ('${id(16)}', '${id(2)}', 1, 1, 'R', '2026-01-01 11:30Z', now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
      ('${id(17)}', '${id(3)}', 1, 1, 'S', '2026-01-01 11:30:02.5Z', now(), '2026-01-01 11:30:04Z', NULL, 'SM3', NULL, NULL, NULL, NULL, 1),
      ('${id(18)}', '${id(4)}', 2, 1, 'R', '2026-01-01 11:31Z', now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1);
    INSERT INTO assignment_messages_status (message_sid, assignment_id, service_phone, status, error_code) VALUES
      ('SM1', 7, '+9', 'D', NULL), ('SM2', 7, '+9', NULL, NULL), ('SM9', 7, '+9', 'E', '30007');
  `);
});

afterAll(async () => {
  await client?.end();
  await database?.drop();
});

async function select(text: string): Promise<unknown[]> {
  return (await client.query(text)).rows;
}

describe('the reporting views', () => {
  test('report_message_delivery', async () => {
    expect(await select(`SELECT * FROM report_message_delivery WHERE message_id = '${id(1)}'`)).toEqual([
      {
        message_id: id(1),
        direction: 'O',
        text: 'to all',
        date: new Date('2026-01-01T10:00Z'),
        status: 'E',
        recipients: 5,
        queued: 1,
        processing: 1,
        sent: 1,
        delivered: 1,
        errored: 1,
        delivery_rate: '0.2000',
        first_sent: new Date('2026-01-01T10:00:02Z'),
        last_delivered: new Date('2026-01-01T10:00:07Z'),
      },
    ]);
  });

  test('report_backend_hourly', async () => {
    const rows = await select('SELECT * FROM report_backend_hourly ORDER BY backend DESC, hour');
    expect(rows).toEqual([
      {
        backend: 'twilio',
        hour: new Date('2026-01-01T10:00Z'),
        inbound: '0',
        outbound: '3',
        sent: '2',
        delivered: '1',
        errored: '1',
        average_seconds_to_sent: '3.000',
        average_seconds_to_delivered: '5.000',
      },
      {
        backend: 'twilio',
        hour: new Date('2026-01-01T11:00Z'),
        inbound: '2',
        outbound: '1',
        sent: '1',
        delivered: '0',
        errored: '0',
        average_seconds_to_sent: '1.500',
        average_seconds_to_delivered: null,
      },
      {
        backend: 'smpp',
        hour: new Date('2026-01-01T10:00Z'),
        inbound: '0',
        outbound: '2',
        sent: '0',
        delivered: '0',
        errored: '0',
        average_seconds_to_sent: null,
        average_seconds_to_delivered: null,
      },
    ]);
  });

  test('report_errors', async () => {
    const at = new Date('2026-01-01T10:01Z');
    expect(await select('SELECT * FROM report_errors')).toEqual([
      {
        backend: 'twilio',
        error_code: 'throttled',
        transmissions: '1',
        to_be_retried: '1',
        first_seen: at,
        last_seen: at,
        sample: 'slow down',
      },
    ]);
  });

  test('report_assignment_delivery', async () => {
    const rows = await select(
      `SELECT assignment_id, service_phone, status, error_code, messages, transmissions, segments
       FROM report_assignment_delivery ORDER BY status`,
    );
    const same = { assignment_id: '7', service_phone: '+9', messages: '1' };
    expect(rows).toEqual([
      { ...same, status: 'S', error_code: null, transmissions: '1', segments: '1' },
      { ...same, status: 'D', error_code: null, transmissions: '1', segments: '2' },
      { ...same, status: 'E', error_code: '30007', transmissions: '0', segments: '0' },
    ]);
  });

  test('report_connection_history', async () => {
    const rows = await select(`SELECT backend, contact, direction, text, status, segments
      FROM report_connection_history WHERE identity = '+1' ORDER BY transmission_id`);
    const same = { backend: 'twilio', contact: 'Ada' };
    expect(rows).toEqual([
      { ...same, direction: 'O', text: 'Dear Ada', status: 'D', segments: 2 },
      { ...same, direction: 'I', text: 'question', status: 'R', segments: 1 },
      { ...same, direction: 'O', text: 'answer', status: 'S', segments: 1 },
    ]);
  });

  test('report_inbound_replies', async () => {
    const rows =
      await select(`SELECT identity, text, reply_text, reply_status, seconds_to_answer, seconds_to_sent
      FROM report_inbound_replies ORDER BY message_id`);
    expect(rows).toEqual([
      {
        identity: '+1',
        text: 'question',
        reply_text: 'answer',
        reply_status: 'S',
        seconds_to_answer: '2.500',
        seconds_to_sent: '4.000',
      },
      {
        identity: '+2',
        text: 'no answer',
        reply_text: null,
        reply_status: null,
        seconds_to_answer: null,
        seconds_to_sent: null,
      },
    ]);
  });
});

describe('the read-only role', () => {
  beforeAll(async () => {
    // As often as you like.
    for (let run = 0; run < 2; run += 1) await client.query(readFileSync(ROLE_SCRIPT, 'utf8'));
    await client.query('SET ROLE textyard_reader');
  });
  afterAll(() => client.query('RESET ROLE'));

  test.each([...VIEWS, 'messages', 'transmissions', 'assignment_messages_status'])(
    'reads %s',
    async (relation) => {
      expect((await select(`SELECT * FROM ${relation}`)).length).toBeGreaterThan(0);
    },
  );

  test.each([
    `INSERT INTO backends (name) VALUES ('x')`,
    `UPDATE messages SET text = 'x'`,
    'DELETE FROM transmissions',
    'TRUNCATE messages CASCADE',
    'CREATE TABLE mine (id int)',
    'DROP VIEW report_errors',
    'SELECT * FROM pgboss.job',
  ])('may not: %s', async (statement) => {
    await expect(client.query(statement)).rejects.toMatchObject({ code: expect.stringMatching(/^42501$/) });
  });

  test('reads what later migrations make', async () => {
    await client.query('RESET ROLE');
    await client.query('CREATE VIEW report_later AS SELECT 1 AS one');
    await client.query('SET ROLE textyard_reader');
    expect(await select('SELECT * FROM report_later')).toEqual([{ one: 1 }]);
  });

  test('is made by psql', (context) => {
    try {
      execFileSync('psql', ['--version']);
    } catch {
      context.skip('psql is not installed; the same script ran over the driver above');
    }
    execFileSync('psql', [database.url, '-q', '-v', 'ON_ERROR_STOP=1', '-f', ROLE_SCRIPT]);
  });
});
