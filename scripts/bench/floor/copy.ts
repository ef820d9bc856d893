import type pg from 'pg';

/** Bytes handed over at once, in characters. */
const PIECE = 65_536;

/** What pg's connection offers for COPY; not in its types. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * Runs `COPY … FROM STDIN` with rows in PostgreSQL's text format, over pg's own protocol calls.
 *
 * @param rows values without tabs, newlines or backslashes
 */
export function copyRows(
  client: pg.Client,
  text: string,
  rows: readonly (readonly string[])[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    // pg submits anything that has these methods as a query.
    const copy = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse(connection: CopyConnection) {
        let piece = '';
        for (const row of rows) {
          piece += `${row.join('\t')}\n`;
          if (piece.length < PIECE) continue;
          connection.sendCopyFromChunk(Buffer.from(piece));
          piece = '';
        }
        if (piece !== '') connection.sendCopyFromChunk(Buffer.from(piece));
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleError(error: Error) {
        failure = error;
      },
      handleReadyForQuery() {
        if (failure) reject(failure);
        else resolve();
      },
    };
    client.query(copy as unknown as pg.Submittable);
  });
}
