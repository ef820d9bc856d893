import type { BackendHooks, BackendLog, InboundReceipt, InboundText } from '../../src/backends/backend.ts';

export interface RecordingHooks extends BackendHooks {
  readonly received: InboundText[];
  readonly receipts: InboundReceipt[];
  readonly readiness: boolean[];
  /** Every log line, as text, to search for what must not be in it. */
  readonly logged: string[];
}

/** Hooks that remember what a backend told them. */
export function recordingHooks(): RecordingHooks {
  const logged: string[] = [];
  const line = (fields: object, text: string) => void logged.push(`${text} ${JSON.stringify(fields)}`);
  const log: BackendLog = { debug: line, info: line, warn: line, error: line };
  const received: InboundText[] = [];
  const receipts: InboundReceipt[] = [];
  const readiness: boolean[] = [];
  return {
    received,
    receipts,
    readiness,
    logged,
    log,
    receive: async (inbound) => void received.push(inbound),
    receipt: async (more) => void receipts.push(...more),
    ready: (isReady) => void readiness.push(isReady),
  };
}
