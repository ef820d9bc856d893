import { createServer } from 'node:net';
import pg from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { TextyardError } from '../../src/errors.ts';
import { describeConnectionError } from '../../src/store/connection-errors.ts';
import { assertSchemaCurrent, migrate } from '../../src/store/migrate.ts';
import { createPrisma } from '../../src/store/prisma.ts';

const SECRET = 's3cr%C3%A9t';
const LINE = /^[^\n]+\.$/;

/** The test server's URL with some parts replaced. */
function url(
  parts: Partial<Record<'hostname' | 'port' | 'pathname' | 'username' | 'password', string>>,
): string {
  return Object.assign(new URL(inject('serverUrl')), parts).href;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function expectLine(bad: string, kind: string, words: RegExp): Promise<void> {
  for (const attempt of [migrate, assertSchemaCurrent]) {
    const error = await attempt(bad).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(TextyardError);
    expect(error).toMatchObject({ kind, message: expect.stringMatching(words) });
    const { message } = error as Error;
    expect(message).toMatch(LINE);
    expect(message).not.toContain(SECRET);
    expect(message).not.toContain(decodeURIComponent(SECRET));
  }
}

test('nothing listens there', async () => {
  const port = await freePort();
  const bad = `postgresql://someone:${SECRET}@127.0.0.1:${port}/orders`;
  await expectLine(bad, 'unavailable', new RegExp(`Nothing answers at 127.0.0.1:${port}`));
  // A name with two addresses gives an error of errors.
  await expectLine(bad.replace('127.0.0.1', 'localhost'), 'unavailable', /Nothing answers at localhost/);
});

test('a host that does not exist', async () => {
  await expectLine(
    `postgresql://someone:${SECRET}@no-such-host.invalid/orders`,
    'unavailable',
    /no-such-host\.invalid:5432 is not known/,
  );
});

test('a wrong password', async () => {
  await expectLine(url({ password: SECRET }), 'configuration', /does not accept the password of user "\w+"/);
});

test('a user that does not exist', async () => {
  await expectLine(url({ username: 'nobody_here', password: SECRET }), 'configuration', /user "nobody_here"/);
});

test('a database that does not exist', async () => {
  await expectLine(
    url({ pathname: '/no_such_database' }),
    'configuration',
    /no database "no_such_database".*createdb/,
  );
});

test('a server that never answers', { timeout: 60_000 }, async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const bad = `postgresql://someone:${SECRET}@127.0.0.1:${port}/orders`;
  const client = new pg.Client({ connectionString: bad, connectionTimeoutMillis: 200 });
  const error = await client.connect().catch((reason: unknown) => describeConnectionError(reason, bad));
  expect(error).toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/did not answer in time/),
  });
});

test.each([
  'nonsense',
  '',
  'mysql://someone:s3cr%C3%A9t@localhost/orders',
  'postgresql://someone:s3cr%C3%A9t%@localhost:5432/orders',
  'postgresql://someone:s3cr%C3%A9t@localhost:notaport/orders',
])('a malformed URL: %s', async (bad) => {
  await expectLine(bad, 'configuration', /DATABASE_URL is not a PostgreSQL URL: it must look like/);
});

test.each([
  ['53300', 'unavailable', /no connection left/],
  ['57P03', 'unavailable', /starting up or shutting down/],
  ['28000', 'configuration', /pg_hba\.conf/],
  ['ETIMEDOUT', 'unavailable', /did not answer in time/],
  ['ECONNRESET', 'unavailable', /broke the connection off/],
  ['53100', 'unavailable', /disk .* is full/],
])('%s', (code, kind, words) => {
  const error = Object.assign(new Error(`told with ${SECRET}`), { code });
  const described = describeConnectionError(error, `postgresql://someone:${SECRET}@db.example/orders`);
  expect(described).toMatchObject({ kind, message: expect.stringMatching(words) });
  expect(described.message).not.toContain(SECRET);
});

test('errors of other kinds stay what they are', () => {
  const error = Object.assign(new Error('division by zero'), { code: '22012' });
  expect(describeConnectionError(error, 'postgresql://localhost/x')).toBe(error);
});

test("what Prisma's client says of a server that is not there is understood", async () => {
  const bad = url({ port: String(await freePort()) });
  const prisma = createPrisma(bad);
  const error = await prisma.message.count().catch((reason: unknown) => describeConnectionError(reason, bad));
  await prisma.$disconnect();
  expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/Nothing answers at/) });
});

test("what Prisma's client throws is understood too", async () => {
  const bad = url({ password: SECRET });
  const prisma = createPrisma(bad);
  const error = await prisma.message.count().catch((reason: unknown) => describeConnectionError(reason, bad));
  await prisma.$disconnect();
  expect(error).toMatchObject({
    kind: 'configuration',
    message: expect.stringMatching(/does not accept the password/),
  });
});
