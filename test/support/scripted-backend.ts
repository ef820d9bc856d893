import type {
  Backend,
  BackendHooks,
  Batch,
  OutboundTransmission,
  SendResult,
} from '../../src/backends/backend.ts';

/** A backend that does what a test tells it, and keeps what it was handed. */
export class ScriptedBackend implements Backend {
  readonly receiptsBy: 'transmission' | 'external';
  readonly handed: OutboundTransmission[] = [];
  readonly batches: Batch[] = [];
  hooks: BackendHooks | undefined;
  /** Replaces the whole call when set. */
  call:
    | ((batch: Batch, report: (result: SendResult) => void, signal: AbortSignal) => Promise<void>)
    | undefined;
  script: (transmission: OutboundTransmission) => SendResult | undefined;

  constructor(
    script: (transmission: OutboundTransmission) => SendResult | undefined = sent,
    receiptsBy: 'transmission' | 'external' = 'external',
  ) {
    this.script = script;
    this.receiptsBy = receiptsBy;
  }

  async start(hooks: BackendHooks): Promise<void> {
    this.hooks = hooks;
  }

  async send(batch: Batch, report: (result: SendResult) => void, signal: AbortSignal): Promise<void> {
    this.batches.push(batch);
    this.handed.push(...batch.transmissions);
    if (this.call) return this.call(batch, report, signal);
    for (const transmission of batch.transmissions) {
      const result = this.script(transmission);
      if (result) report(result);
    }
  }

  /** How often each identity was handed over. */
  timesHanded(): Map<string, number> {
    const times = new Map<string, number>();
    for (const { identity } of this.handed) times.set(identity, (times.get(identity) ?? 0) + 1);
    return times;
  }
}

export function sent(transmission: OutboundTransmission): SendResult {
  return { transmissionId: transmission.id, outcome: 'sent', externalId: `ext-${transmission.id}` };
}

export function failed(
  transmission: OutboundTransmission,
  code: Extract<SendResult, { outcome: 'failed' }>['code'],
  retryAfterMs?: number,
): SendResult {
  return {
    transmissionId: transmission.id,
    outcome: 'failed',
    code,
    message: `scripted ${code}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
