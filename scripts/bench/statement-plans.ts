import pg from 'pg';

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/**
 * From now on, before a statement with a new label is run, explains it with the same values in a
 * transaction (or a savepoint of the one that is open) that is rolled back.
 *
 * @param labelOf names the statements to explain; undefined for the others
 * @returns the plans by label, and how to stop
 */
export function collectPlans(labelOf: (text: string) => string | undefined): {
  plans: ReadonlyMap<string, string>;
  stop(): void;
} {
  const plans = new Map<string, string>();
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const query = prototype.query;
  /** Connections that are in a transaction now. */
  const open = new WeakSet<pg.Client>();
  prototype.query = function (...args) {
    const { text, values } = statementOf(args);
    if (/^\s*BEGIN/i.test(text)) open.add(this);
    else if (/^\s*(COMMIT|ROLLBACK)/i.test(text)) open.delete(this);
    const label = labelOf(text);
    if (label !== undefined && !plans.has(label)) {
      plans.set(label, '');
      const [before, after] = open.has(this) ? ['SAVEPOINT plan', 'ROLLBACK TO plan'] : ['BEGIN', 'ROLLBACK'];
      const run = (...more: unknown[]) => query.apply(this, more) as Promise<pg.QueryResult>;
      const explained = run(before)
        .then(() => run(`EXPLAIN (ANALYZE, BUFFERS) ${text}`, values))
        .then((result) => plans.set(label, result.rows.map((row) => row['QUERY PLAN']).join('\n')))
        .catch((error: Error) => plans.set(label, error.message))
        .then(() => run(after));
      const then = explained.then(() => query.apply(this, args));
      // With a callback nothing is returned, and the callback hears of errors.
      return typeof args.at(-1) === 'function' ? undefined : then;
    }
    return query.apply(this, args);
  };
  return {
    plans,
    stop() {
      prototype.query = query;
    },
  };
}

function statementOf(args: unknown[]): { text: string; values: unknown[] } {
  const [first, second] = args;
  const config = (typeof first === 'string' ? { text: first } : first) as {
    text?: string;
    values?: unknown[];
  };
  return { text: config?.text ?? '', values: config?.values ?? (Array.isArray(second) ? second : []) };
}
