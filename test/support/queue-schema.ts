import { installJobTables } from '../../src/jobs/queue.ts';
import { Database } from '../../src/store/database.ts';

/** Puts pg-boss's own schema into the template database, so that no test has to install it. */
export async function installQueueSchema(url: string): Promise<void> {
  const database = new Database({ url, maxConnections: 2 });
  try {
    await installJobTables(database);
  } finally {
    await database.close();
  }
}
