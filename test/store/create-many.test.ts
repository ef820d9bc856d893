import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CHUNK_ROWS } from '../../src/store/create-many.ts';
import {
  ASSIGNMENT_MESSAGE_STATUS,
  MESSAGE,
  type TableColumns,
  TRANSMISSION,
} from '../../src/store/create-many-columns.ts';
import { Prisma, PrismaClient } from '../../src/store/generated/client.ts';
import { createPrisma, type TextyardPrisma } from '../../src/store/prisma.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Two databases alike: Prisma writes to one, the extension to the other. */
const databases: TestDatabase[] = [];
const pools: pg.Pool[] = [];
let plain: PrismaClient;
let fast: TextyardPrisma;
const TABLES = ['messages', 'transmissions', 'assignment_messages_status'];

beforeAll(async () => {
  for (let twin = 0; twin < 2; twin += 1) {
    const database = await createTestDatabase();
    databases.push(database);
    pools.push(new pg.Pool({ connectionString: database.url, max: 4 }));
  }
  plain = new PrismaClient({ adapter: new PrismaPg(pools[0]!) });
  fast = createPrisma(pools[1]!);
});

afterAll(async () => {
  await plain?.$disconnect();
  await fast?.$disconnect();
  for (const pool of pools) await pool.end();
  for (const database of databases) await database.drop();
});

beforeEach(async () => {
  for (const pool of pools) {
    await pool.query(`TRUNCATE messages, transmissions, connections, backends, assignment_messages_status
      RESTART IDENTITY CASCADE`);
    await pool.query(`INSERT INTO backends (name) VALUES ('simulator')`);
  }
});

function uuid(number: number): string {
  return `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`;
}

async function connections(count: number): Promise<void> {
  for (const pool of pools) {
    await pool.query(
      `INSERT INTO messages (id, direction, text, date, updated) VALUES ($1, 'O', 'hello', 'epoch', 'epoch')`,
      [uuid(0)],
    );
    await pool.query(
      `INSERT INTO connections (backend_id, identity) SELECT 1, '+1' || g FROM generate_series(1, $1::int) g`,
      [count],
    );
  }
}

function transmissions(count: number): Prisma.TransmissionCreateManyInput[] {
  return Array.from({ length: count }, (_, n) => ({
    id: uuid(n + 1),
    messageId: uuid(0),
    connectionId: n % 2 ? BigInt(n + 1) : n + 1,
    backendId: 1,
    status: n % 3 ? 'Q' : 'S',
    segments: n % 5 ? 1 : null,
    date: new Date(Date.UTC(2026, 0, 1) + n),
    updated: '2026-01-01T00:00:00+02:00',
    ...(n % 7 === 0 && { text: `Dear "N${n}", {a,b} \\ NULL 'x' ✓ 😀`, attempts: 2 }),
  }));
}

/** Count and a digest of every column of every row, so that 200,000 rows need not come here. */
async function contents(pool: pg.Pool): Promise<unknown> {
  const result: unknown[] = [];
  for (const table of TABLES) {
    const { rows } = await pool.query(
      `SELECT count(*)::int, md5(string_agg(r::text, E'\\n' ORDER BY r::text)) FROM ${table} r`,
    );
    result.push(table, rows[0]);
  }
  return result;
}

async function expectTwins(): Promise<void> {
  expect(await contents(pools[1]!)).toEqual(await contents(pools[0]!));
}

/** The same call on both clients: what it gives, or what kind of error it throws. */
async function onBoth(call: (client: PrismaClient) => Promise<unknown>): Promise<[unknown, unknown]> {
  const outcomes: unknown[] = [];
  for (const client of [plain, fast as unknown as PrismaClient]) {
    outcomes.push(await call(client).catch(describeError));
  }
  return outcomes as [unknown, unknown];
}

function describeError(error: unknown): unknown {
  const { name, message } = error as Error;
  // The lines before the last show the call in the caller's file.
  const reason = message.trim().split('\n').at(-1);
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return { name, reason };
  return { name, reason, code: error.code, meta: error.meta };
}

describe.each([1, 10_000, 200_000])('%i rows', (count) => {
  test('are the same as Prisma writes', { timeout: 300_000 }, async () => {
    await connections(count);
    const data = transmissions(count);
    expect(await fast.transmission.createMany({ data })).toEqual({ count });
    // Prisma's own takes a minute of CPU for 200,000 rows in one call, so it gets them in small parts.
    for (let start = 0; start < count; start += 1000) {
      await plain.transmission.createMany({ data: data.slice(start, start + 1000) });
    }
    await expectTwins();
  });

  test('inside an interactive transaction are there at its commit, and not before', {
    timeout: 120_000,
  }, async () => {
    await connections(count);
    const data = transmissions(count);
    await fast.$transaction(
      async (tx) => {
        await tx.message.createMany({ data: { id: uuid(999_999_999), direction: 'O', text: 'beside' } });
        expect(await tx.transmission.createMany({ data })).toEqual({ count });
        expect(await tx.transmission.count()).toBe(count);
        expect(await fast.transmission.count()).toBe(0);
        expect(await fast.message.count()).toBe(1);
      },
      { timeout: 120_000 },
    );
    expect(await fast.transmission.count()).toBe(count);
    expect(await fast.message.count()).toBe(2);
  });

  test('inside an interactive transaction roll back with it', { timeout: 120_000 }, async () => {
    await connections(count);
    const data = transmissions(count);
    const failing = fast.$transaction(
      async (tx) => {
        await tx.transmission.createMany({ data });
        throw new Error('changed my mind');
      },
      { timeout: 120_000 },
    );
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await fast.transmission.count()).toBe(0);
  });
});

test('several chunks outside a transaction are all there or none', async () => {
  const count = CHUNK_ROWS * 2 + 1;
  await connections(count);
  const data = transmissions(count);
  data[count - 1]!.id = data[0]!.id!;
  const [own, ours] = await onBoth((client) =>
    client.transmission.createMany({ data: data.slice(0, 3).concat(data.slice(-1)) }),
  );
  expect(ours).toEqual(own);
  await expect(fast.transmission.createMany({ data })).rejects.toMatchObject({ code: 'P2002' });
  expect(await fast.transmission.count()).toBe(0);
  expect(await fast.transmission.createMany({ data, skipDuplicates: true })).toEqual({ count: count - 1 });
});

test('an array of calls in $transaction is one transaction', async () => {
  await connections(3);
  const data = transmissions(3);
  const dates = { date: new Date(1), updated: new Date(2) };
  const message = { id: uuid(500), direction: 'O' as const, text: 'beside', ...dates };
  const calls = (client: PrismaClient, last: Prisma.TransmissionCreateManyInput) =>
    client.$transaction([
      client.message.createMany({ data: message }),
      client.transmission.createMany({ data: data.slice(0, 2) }),
      client.message.count(),
      client.transmission.createMany({ data: last }),
    ]);
  const [ownFailure, ourFailure] = await onBoth((client) => calls(client, data[0]!));
  expect(ourFailure).toMatchObject({ code: 'P2002' });
  expect(ownFailure).toMatchObject({ code: 'P2002' });
  expect(await fast.message.count()).toBe(1);
  const [own, ours] = await onBoth((client) => calls(client, data[2]!));
  expect(ours).toEqual(own);
  expect(ours).toEqual([{ count: 1 }, { count: 2 }, 2, { count: 1 }]);
  await expectTwins();
});

test('a call that is not awaited writes nothing, as with Prisma', async () => {
  fast.message.createMany({ data: { id: uuid(1), direction: 'O', text: 'lazy' } });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await fast.message.count()).toBe(0);
});

test('what is not given gets the default, and the time of now', async () => {
  const before = Date.now() - 1000;
  await fast.message.createMany({
    data: [
      { id: uuid(1), direction: 'I', text: 'a', date: undefined, priority: 3 },
      { id: uuid(2), direction: 'O', text: 'b', date: new Date(0), status: 'P', updated: undefined },
    ],
  });
  const [first, second] = await fast.message.findMany({ orderBy: { id: 'asc' } });
  expect(first).toMatchObject({ status: 'Q', priority: 3, recipients: 1, sentCount: 0, fields: null });
  expect(second).toMatchObject({ status: 'P', priority: 0, date: new Date(0) });
  for (const time of [first!.date, first!.updated, second!.updated]) {
    expect(time.getTime()).toBeGreaterThan(before);
    expect(time.getTime()).toBeLessThan(Date.now() + 1000);
  }
});

const MESSAGES: Record<string, object> = {
  plain: {},
  'every field': {
    status: 'D',
    sent: new Date(5),
    delivered: '2026-01-01T00:00:00.9996Z',
    backendId: 1,
    externalId: 'x',
    inResponseToId: uuid(0),
    idempotencyKey: 'k',
    priority: -5,
    sendAt: new Date(6),
    validUntil: new Date(7),
    recipients: 2,
    sentCount: 1,
    deliveredCount: 1,
    erroredCount: 0,
    error: 'NULL',
    fields: { a: 1 },
  },
  'explicit nulls': { sent: null, backendId: null, externalId: null, error: null },
  undefined: { sent: undefined, priority: undefined, fields: undefined },
  'json null': { fields: null },
  JsonNull: { fields: Prisma.JsonNull },
  DbNull: { fields: Prisma.DbNull },
  AnyNull: { fields: Prisma.AnyNull },
  'json text': { fields: 'a "quoted" \\ {text}' },
  'json number': { fields: 5.25 },
  'json NaN': { fields: { a: Number.NaN } },
  'json boolean': { fields: false },
  'json array': { fields: [1, null, 'NULL', { a: [] }] },
  'json array with undefined': { fields: [undefined] },
  'json dates': { fields: { at: new Date(0), gone: undefined } },
  'json toJSON': { fields: { toJSON: () => ({ a: 1 }) } },
  'json bigint': { fields: { a: 5n } },
  'json buffer': { fields: Buffer.from('a') },
  'json map': { fields: new Map([[1, 2]]) },
  'json function': { fields: { a() {} } },
  'json with U+0000': { fields: { a: 'x\0' } },
  'empty text': { text: '' },
  'text that is no array': { text: '{"a",NULL}\n\t\\"' },
  'text with U+0000': { text: 'a\0b' },
  'half a surrogate pair': { text: 'a\ud800b' },
  'text that is a number': { text: 5 },
  'no text': { text: undefined },
  'null for a required field': { text: null },
  'null for a default': { status: null },
  'unknown field': { foo: 1 },
  relation: { backend: { connect: { id: 1 } } },
  'wrong status': { status: 'X' },
  'wrong uuid': { id: 'nope' },
  'upper case uuid': { id: uuid(1).replace('0190', 'ABCD') },
  'number too large for int': { recipients: 3e9 },
  'number too large for smallint': { priority: 70_000 },
  'bigint for int': { recipients: 5n },
  'text for int': { recipients: '5' },
  'fraction for int': { priority: 1.5 },
  'minus zero': { priority: -0 },
  'no date': { sent: 'yesterday' },
  'date without time': { sent: '2026-01-01' },
  'date without offset': { sent: '2026-01-01T00:00:00' },
  'date with a blank': { sent: '2026-01-01 00:00:00Z' },
  'date that does not exist': { sent: '2026-02-30T00:00:00Z' },
  'hour that does not exist': { sent: '2026-02-20T24:00:00Z' },
  'leap second': { sent: '2026-02-20T23:59:60Z' },
  'date with offset': { sent: '2026-01-01T00:00:00+05:30' },
  'invalid date': { sent: new Date(Number.NaN) },
  'date before Christ': { sent: new Date('-000001-01-01T00:00:00Z') },
  'unknown backend': { backendId: 99 },
  'unknown message': { inResponseToId: uuid(77) },
  'taken id': { id: uuid(0) },
};

test.each(Object.entries(MESSAGES))('as Prisma: %s', async (_name, fields) => {
  const dates = { date: new Date(1), updated: new Date(2) };
  const message = { id: uuid(1), direction: 'O', text: 'hi', ...dates, ...fields };
  for (const pool of pools) {
    await pool.query(
      `INSERT INTO messages (id, direction, text, date, updated) VALUES ($1, 'O', 'first', 'epoch', 'epoch')`,
      [uuid(0)],
    );
  }
  for (const data of [message, [{ id: uuid(2), direction: 'I', text: 'other', ...dates }, message]]) {
    const [own, ours] = await onBoth((client) => client.message.createMany({ data } as never));
    expect(ours).toEqual(own);
    await expectTwins();
    for (const pool of pools) await pool.query('DELETE FROM messages WHERE id <> $1', [uuid(0)]);
  }
});

test.each([
  ['no arguments', undefined],
  ['no data', {}],
  ['no rows', { data: [] }],
  ['null for a row', { data: [null] }],
  ['unknown argument', { data: [], foo: 1 }],
  ['text for skipDuplicates', { data: [], skipDuplicates: 'yes' }],
])('as Prisma: %s', async (_name, args) => {
  const [own, ours] = await onBoth((client) => client.message.createMany(args as never));
  expect(ours).toEqual(own);
});

test('assignment statuses', async () => {
  const dates = { date: new Date(1), updated: new Date(2) };
  const first = { messageSid: 'SM1', assignmentId: 5, contactId: 2n ** 60n, status: 'S' as const, ...dates };
  const second = { messageSid: 'SM2', servicePhone: '+15551234567', raw: { sid: 'SM2' }, ...dates };
  const calls: Prisma.AssignmentMessageStatusCreateManyArgs[] = [
    { data: [first, second] },
    { data: [second, { messageSid: 'SM3', errorCode: '30007', ...dates }], skipDuplicates: true },
    { data: first },
    { data: { messageSid: 'x'.repeat(51) } },
  ];
  for (const args of calls) {
    const [own, ours] = await onBoth((client) => client.assignmentMessageStatus.createMany(args));
    expect(ours).toEqual(own);
    await expectTwins();
  }
});

test('times are right in a database whose time zone is not UTC', async () => {
  const database = await createTestDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await pools[0]!.query(`ALTER DATABASE ${name} SET timezone = 'America/New_York'`);
  const prisma = createPrisma(database.url);
  const sent = new Date('2026-06-01T12:00:00Z');
  await prisma.message.createMany({ data: { id: uuid(1), direction: 'O', text: 'x', sent } });
  await prisma.message.create({ data: { id: uuid(2), direction: 'O', text: 'x', sent } });
  const found = await prisma.message.findMany();
  expect(found.map((message) => message.sent)).toEqual([sent, sent]);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SELECT sent FROM messages');
  expect(rows.map((row) => row.sent)).toEqual([sent, sent]);
  await client.end();
  await prisma.$disconnect();
  await database.drop();
});

/** How Prisma's types are called in the table of columns, by what PostgreSQL calls them. */
const TYPE_NAMES: Record<string, string> = {
  int2: 'smallint',
  int4: 'int',
  int8: 'bigint',
  varchar: 'text',
};
const FALLBACKS: Record<string, string> = { "'Q'::status": "'Q'::status" };

test.each<[string, TableColumns, readonly string[]]>([
  ['Message', MESSAGE, Object.values(Prisma.MessageScalarFieldEnum)],
  ['Transmission', TRANSMISSION, Object.values(Prisma.TransmissionScalarFieldEnum)],
  [
    'AssignmentMessageStatus',
    ASSIGNMENT_MESSAGE_STATUS,
    Object.values(Prisma.AssignmentMessageStatusScalarFieldEnum),
  ],
])(
  'the columns of %s are those of the database and of the client',
  async (_model, { table, columns }, fields) => {
    expect(Object.keys(columns).sort()).toEqual([...fields].sort());
    const { rows } = await pools[1]!.query(
      `SELECT column_name AS name, udt_name AS type, is_nullable = 'YES' AS nullable, column_default AS fallback
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
      [table],
    );
    const found = rows.map(({ name, type, nullable, fallback }) => ({
      name,
      type: TYPE_NAMES[type] ?? type,
      fallback: fallback === null ? (nullable ? null : 'required') : (FALLBACKS[fallback] ?? fallback),
    }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(Object.values(columns).sort(byName)).toEqual(found.sort(byName));
  },
);
