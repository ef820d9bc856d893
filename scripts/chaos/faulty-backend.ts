import type { Backend, Batch, OutboundTransmission, SendResult } from '../../src/index.ts';

type Report = (result: SendResult) => void;

/** What a faulty backend does with a call. `take` says that the operator has it now. */
export type Fault = (
  batch: Batch,
  report: Report,
  take: (transmission: OutboundTransmission) => void,
  signal: AbortSignal,
) => Promise<void>;

/** A backend of which a scenario decides what each call does, and which remembers all it was handed. */
export class FaultyBackend implements Backend {
  readonly receiptsBy = 'transmission';
  /** How often each transmission was handed over, whatever came of it. */
  readonly tries = new Map<string, number>();
  /** How often the operator took each. */
  readonly taken = new Map<string, number>();
  /** When each call began, in milliseconds of the monotonic clock. */
  readonly calls: number[] = [];
  fault: Fault;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  async send(batch: Batch, report: Report, signal: AbortSignal): Promise<void> {
    this.calls.push(performance.now());
    for (const { id } of batch.transmissions) this.tries.set(id, (this.tries.get(id) ?? 0) + 1);
    const take = ({ id }: OutboundTransmission) => {
      this.taken.set(id, (this.taken.get(id) ?? 0) + 1);
    };
    await this.fault(batch, report, take, signal);
  }

  /** The most tries that any transmission took. */
  get mostTries(): number {
    return Math.max(0, ...this.tries.values());
  }

  /** How many the operator took more than once. */
  get twice(): number {
    return [...this.taken.values()].filter((times) => times > 1).length;
  }
}

/** Takes everything at once. */
export const takeAll: Fault = async (batch, report, take) => {
  for (const transmission of batch.transmissions) {
    take(transmission);
    report({ transmissionId: transmission.id, outcome: 'sent' });
  }
};

/** Never answers, and does not heed the signal either. */
export const hang: Fault = () => new Promise(() => {});

/** Takes all of a batch, and answers with what no backend should say; a different piece for each. */
export const talkNonsense: Fault = async (batch, report, take) => {
  const say = report as (result: unknown) => void;
  say(null);
  say(undefined);
  say('sent');
  say({ transmissionId: 'nobody', outcome: 'sent' });
  batch.transmissions.forEach((transmission, index) => {
    take(transmission);
    const { id: transmissionId } = transmission;
    const pieces: unknown[] = [
      { transmissionId },
      { transmissionId, outcome: 'perhaps' },
      { transmissionId, outcome: 'failed' },
      { transmissionId, outcome: 'failed', code: 'no_such_code', message: 'what?' },
      { transmissionId, outcome: 'failed', code: 'rejected', message: { deep: 'object' } },
      { transmissionId, outcome: 'failed', code: 'rejected', message: 'a NUL \0 in it' },
      { transmissionId, outcome: 'failed', code: 'rejected', message: 'late', retryAfterMs: Number.NaN },
      { transmissionId, outcome: 'sent', externalId: 'a NUL \0 in it' },
      { transmissionId, outcome: 'sent', externalId: 4711 },
      { transmissionId, outcome: 'sent', externalId: `run-${'x'.repeat(20_000)}-${transmissionId}` },
      { transmissionId, outcome: 'sent', partIds: 'not a list' },
      { transmissionId, outcome: 'sent' },
    ];
    const piece = pieces[index % pieces.length];
    say(piece);
    say(piece);
  });
  throw 'a string, not an error';
};
