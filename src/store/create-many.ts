/**
 * Prisma's `createMany`, about eight times as fast for the three tables that take many rows. What
 * it cannot write as Prisma would, it leaves to Prisma; so wrong input gives Prisma's own errors.
 */
import {
  ASSIGNMENT_MESSAGE_STATUS,
  MESSAGE,
  type TableColumns,
  TRANSMISSION,
} from './create-many-columns.ts';
import { Prisma } from './generated/client.ts';
import { insertStatement, type Statement } from './insert-statement.ts';

/** Rows of one statement, where more were not faster; it also bounds the memory. */
export const CHUNK_ROWS = 10_000;
/** A mailing of millions in one call is one transaction. Milliseconds. */
const TRANSACTION_TIMEOUT_MS = 3_600_000;
const TRANSACTION_MAX_WAIT_MS = 30_000;

/** Which transaction Prisma runs a call in: of the callback kind, or of the array kind. */
interface TransactionMark {
  kind: 'itx' | 'batch';
}

type Lazy<T> = Prisma.PrismaPromise<T> & { requestTransaction?(mark: TransactionMark): Promise<T> };

/**
 * What is used of the client without the extension, bound to the transaction where there is one.
 * `_createPrismaPromise` is how Prisma's own methods become part of `$transaction([…])`; it is not
 * documented, so the version is pinned and create-many.test.ts runs every kind of transaction.
 */
interface ParentClient {
  $executeRawUnsafe(text: string, ...values: unknown[]): Lazy<number>;
  $transaction<T>(
    work: (tx: ParentClient) => Promise<T>,
    options: { timeout: number; maxWait: number },
  ): Promise<T>;
  _createPrismaPromise<T>(run: (mark?: TransactionMark) => PromiseLike<T>): Prisma.PrismaPromise<T>;
}

type Model = 'message' | 'transmission' | 'assignmentMessageStatus';
type CreateMany = (args: unknown) => Lazy<Prisma.BatchPayload>;

function createMany(
  context: unknown,
  model: Model,
  table: TableColumns,
  args: unknown,
): Prisma.PrismaPromise<Prisma.BatchPayload> {
  const { $parent } = Prisma.getExtensionContext(context) as unknown as { $parent: ParentClient };
  const own = ($parent as unknown as Record<Model, { createMany: CreateMany }>)[model].createMany;
  return $parent._createPrismaPromise((mark) => {
    const join = <T>(call: Lazy<T>): Promise<T> =>
      mark?.kind === 'batch' && call.requestTransaction ? call.requestTransaction(mark) : call;
    // In `$transaction([…])` each element is one statement.
    const statements = plan(table, args, mark?.kind === 'batch' ? Number.POSITIVE_INFINITY : CHUNK_ROWS);
    if (statements === undefined) return join(own(args));
    const [only] = statements;
    const run = (client: ParentClient, { text, values }: Statement) =>
      join(client.$executeRawUnsafe(text, ...values));
    const written =
      statements.length === 1 && only
        ? run($parent, only)
        : mark
          ? runAll($parent, statements, run)
          : $parent.$transaction((tx) => runAll(tx, statements, run), {
              timeout: TRANSACTION_TIMEOUT_MS,
              maxWait: TRANSACTION_MAX_WAIT_MS,
            });
    return written.then(
      (count) => ({ count }),
      (error) => {
        throw asPrismaWould(error, model);
      },
    );
  });
}

async function runAll(
  client: ParentClient,
  statements: readonly Statement[],
  run: (client: ParentClient, statement: Statement) => Promise<number>,
): Promise<number> {
  let count = 0;
  for (const statement of statements) count += await run(client, statement);
  return count;
}

/** The statements for a call, or undefined if it is one for Prisma. */
function plan(table: TableColumns, args: unknown, chunkRows: number): Statement[] | undefined {
  if (args === null || typeof args !== 'object') return undefined;
  const { data, skipDuplicates, ...others } = args as { data?: unknown; skipDuplicates?: unknown };
  if (Object.keys(others).length > 0) return undefined;
  if (skipDuplicates !== undefined && typeof skipDuplicates !== 'boolean') return undefined;
  const rows = Array.isArray(data) ? data : [data];
  if (rows.length === 0) return undefined;
  const statements: Statement[] = [];
  for (let start = 0; start < rows.length; start += chunkRows) {
    const chunk = rows.length <= chunkRows ? rows : rows.slice(start, start + chunkRows);
    const statement = insertStatement(table, chunk, skipDuplicates === true);
    if (statement === undefined) return undefined;
    statements.push(statement);
  }
  return statements;
}

interface DriverCause {
  kind: string;
  originalMessage?: string;
  originalCode?: string;
  message?: string;
  cause?: string;
  constraint?: { fields?: string[]; index?: string };
}

/** A failed raw statement is P2010 to Prisma; a failed createMany says what it was. */
function asPrismaWould(error: unknown, model: Model): unknown {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2010') return error;
  const driverAdapterError = error.meta?.driverAdapterError as { cause?: DriverCause } | undefined;
  const cause = driverAdapterError?.cause;
  const known = cause && knownError(cause);
  if (!known) return error;
  const modelName = `${model[0]?.toUpperCase()}${model.slice(1)}`;
  const message = `\nInvalid \`prisma.${model}.createMany()\` invocation:\n\n\n${known.message}`;
  return new Prisma.PrismaClientKnownRequestError(message, {
    code: known.code,
    clientVersion: error.clientVersion,
    meta: { modelName, driverAdapterError },
  });
}

function knownError(cause: DriverCause): { code: string; message: string } | undefined {
  const { fields, index } = cause.constraint ?? {};
  const where = fields
    ? `fields: (${fields.map((name) => `\`${name}\``).join(', ')})`
    : `constraint: \`${index ?? 'not available'}\``;
  switch (cause.kind) {
    case 'UniqueConstraintViolation':
      return { code: 'P2002', message: `Unique constraint failed on the ${where}` };
    case 'ForeignKeyConstraintViolation':
      return { code: 'P2003', message: `Foreign key constraint violated on the ${where}` };
    case 'NullConstraintViolation':
      return { code: 'P2011', message: `Null constraint violation on the ${where}` };
    case 'LengthMismatch':
      return {
        code: 'P2000',
        message:
          "The provided value for the column is too long for the column's type. Column: (not available)",
      };
    case 'InvalidInputValue':
      return { code: 'P2007', message: `Invalid input value: ${cause.message}` };
    case 'ValueOutOfRange':
      return { code: 'P2020', message: `Value out of range for the type: ${cause.cause}` };
    case 'TransactionWriteConflict':
      return {
        code: 'P2034',
        message: 'Transaction failed due to a write conflict or a deadlock. Please retry your transaction',
      };
    case 'postgres':
      return {
        code: 'P2039',
        message: `Database error. Code: \`${cause.originalCode}\`. Message: \`${cause.message}\``,
      };
  }
  return undefined;
}

/** The client extension; each method has the type of the one it takes the place of. */
export const fastCreateMany = Prisma.defineExtension({
  name: 'fast createMany',
  model: {
    message: {
      createMany<T extends Prisma.MessageCreateManyArgs>(
        args?: Prisma.SelectSubset<T, Prisma.MessageCreateManyArgs>,
      ): Prisma.PrismaPromise<Prisma.BatchPayload> {
        return createMany(this, 'message', MESSAGE, args);
      },
    },
    transmission: {
      createMany<T extends Prisma.TransmissionCreateManyArgs>(
        args?: Prisma.SelectSubset<T, Prisma.TransmissionCreateManyArgs>,
      ): Prisma.PrismaPromise<Prisma.BatchPayload> {
        return createMany(this, 'transmission', TRANSMISSION, args);
      },
    },
    assignmentMessageStatus: {
      createMany<T extends Prisma.AssignmentMessageStatusCreateManyArgs>(
        args?: Prisma.SelectSubset<T, Prisma.AssignmentMessageStatusCreateManyArgs>,
      ): Prisma.PrismaPromise<Prisma.BatchPayload> {
        return createMany(this, 'assignmentMessageStatus', ASSIGNMENT_MESSAGE_STATUS, args);
      },
    },
  },
});
