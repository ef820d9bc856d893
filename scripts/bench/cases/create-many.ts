import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../../src/store/generated/client.ts';
import { createPrisma } from '../../../src/store/prisma.ts';
import { uuid7 } from '../../../src/store/uuid7.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { loadConnections, openConnections } from '../floor/connections.ts';
import { copyRows } from '../floor/copy.ts';
import { fillConnections } from '../phones.ts';
import { peakRssMb, perSecond, Stopwatch } from '../stopwatch.ts';

const WARM_UP = 2_000;

interface NewRow {
  readonly id: string;
  readonly messageId: string;
  readonly connectionId: bigint;
  readonly backendId: number;
}

/** What writes rows of transmissions; `close` when done. */
interface Writer {
  write(rows: NewRow[]): Promise<unknown>;
  close(): Promise<unknown>;
}

function writing(open: (url: string) => Promise<Writer>) {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const connections = openConnections(url, 1);
    const { backendId, connectionIds } = await loadConnections(connections.durable, size);
    const rowsOf = async (ids: readonly string[]): Promise<NewRow[]> => {
      const messageId = uuid7();
      await connections.durable.query(
        `INSERT INTO messages (id, direction, text, recipients) VALUES ($1::uuid, 'O', 'Hello', $2::int)`,
        [messageId, ids.length],
      );
      return ids.map((id) => ({ id: uuid7(), messageId, connectionId: BigInt(id), backendId }));
    };
    const warmUp = await rowsOf(connectionIds.slice(0, WARM_UP));
    const rows = await rowsOf(connectionIds);
    const writer = await open(url);
    await writer.write(warmUp);
    const watch = new Stopwatch();
    await writer.write(rows);
    const { ms, cpuMicros } = watch;
    await writer.close();
    await connections.close();
    return { perSecond: perSecond(size, ms), cpuMicrosEach: cpuMicros / size, rssMb: peakRssMb() };
  };
}

async function ours(url: string): Promise<Writer> {
  const prisma = createPrisma(url);
  return { write: (data) => prisma.transmission.createMany({ data }), close: () => prisma.$disconnect() };
}

async function prismaAsItComes(url: string): Promise<Writer> {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  return { write: (data) => prisma.transmission.createMany({ data }), close: () => prisma.$disconnect() };
}

async function copy(url: string): Promise<Writer> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    write: (rows) =>
      copyRows(
        client,
        'COPY transmissions (id, message_id, connection_id, backend_id) FROM STDIN',
        rows.map((row) => [row.id, row.messageId, String(row.connectionId), String(row.backendId)]),
      ),
    close: () => client.end(),
  };
}

export const createMany: BenchCase = {
  name: 'create-many',
  title: 'prisma.transmission.createMany against COPY into the same table, and against Prisma as it comes',
  unit: 'rows',
  size: 100_000,
  isDefault: true,
  contenders: [
    { name: 'ours', prepare: fillConnections, run: writing(ours) },
    { name: 'COPY', prepare: fillConnections, run: writing(copy) },
    { name: 'Prisma', prepare: fillConnections, run: writing(prismaAsItComes) },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours', to: 'COPY', aim: { atLeast: 0.7 } },
    { metric: 'perSecond', of: 'ours', to: 'Prisma' },
  ],
  limits: [],
};
