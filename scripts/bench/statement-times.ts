import pg from 'pg';

/** What one statement took, over all its runs, as this process saw it. */
export interface StatementTime {
  readonly text: string;
  readonly runs: number;
  readonly totalMs: number;
}

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/**
 * Times every statement of this process from now on, from its submission to its result: the server's
 * work, the way there and back, and waiting for this process. Returns how to read the times, longest first.
 */
export function timeStatements(): () => StatementTime[] {
  const times = new Map<string, { runs: number; totalMs: number }>();
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const query = prototype.query;
  prototype.query = function (...args) {
    const start = performance.now();
    const text = textOf(args[0]);
    const add = () => {
      const time = times.get(text) ?? { runs: 0, totalMs: 0 };
      time.runs += 1;
      time.totalMs += performance.now() - start;
      times.set(text, time);
    };
    const last = args.at(-1);
    if (typeof last === 'function') {
      args[args.length - 1] = (...results: unknown[]) => {
        add();
        return last(...results);
      };
      return query.apply(this, args);
    }
    const result = query.apply(this, args);
    if (result instanceof Promise) result.then(add, add);
    return result;
  };
  return () => [...times].map(([text, time]) => ({ text, ...time })).sort((a, b) => b.totalMs - a.totalMs);
}

function textOf(argument: unknown): string {
  const text =
    typeof argument === 'string' ? argument : ((argument as { text?: string })?.text ?? '(not text)');
  return text.replace(/\s+/g, ' ').trim();
}

/** The times as lines, the longest statements first. */
export function statementLines(times: readonly StatementTime[], most = 15): string[] {
  return times.slice(0, most).map(({ text, runs, totalMs }) => {
    const columns = [
      totalMs.toFixed(0).padStart(8),
      String(runs).padStart(7),
      (totalMs / runs).toFixed(2).padStart(9),
    ];
    return `${columns.join('')}  ${text.length > 110 ? `${text.slice(0, 70)} … ${text.slice(-38)}` : text}`;
  });
}
