/**
 * A process that uses an embedded PostgreSQL, for embedded-postgres.test.ts. Arguments: the folder,
 * then `hold` (until killed), `release`, or `exit` (without release). Prints one line of JSON.
 */
import { acquireEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';

const [directory, end] = process.argv.slice(2);
try {
  const server = await acquireEmbeddedPostgres({ directory: directory ?? '', settings: { fsync: 'off' } });
  const { url, pid, dataDirectory } = server;
  console.log(JSON.stringify({ url, pid, dataDirectory }));
  if (end === 'hold') setInterval(() => {}, 1000);
  if (end === 'release') await server.release();
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message }));
}
