import type { Prisma } from './generated/client.ts';
import type { TextyardPrisma } from './prisma.ts';

/** A stored connection as a recipient, with the name of its backend. */
export interface StoredConnection {
  readonly id: bigint;
  readonly backend: string;
  readonly identity: string;
  readonly contactId?: bigint;
}

/** Rows read at a time. */
const PAGE = 5_000;

/** The connections that fit a Prisma filter, in order of id, read page by page. */
export async function* streamConnections(
  prisma: TextyardPrisma,
  where: Prisma.ConnectionWhereInput,
): AsyncGenerator<StoredConnection> {
  for (let after = 0n; ; ) {
    const page = await prisma.connection.findMany({
      where: { AND: [where, { id: { gt: after } }] },
      select: { id: true, identity: true, contactId: true, backend: { select: { name: true } } },
      orderBy: { id: 'asc' },
      take: PAGE,
    });
    for (const { id, identity, contactId, backend } of page) {
      yield { id, backend: backend.name, identity, ...(contactId === null ? {} : { contactId }) };
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = last.id;
  }
}
