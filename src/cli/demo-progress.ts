import { createRequire } from 'node:module';
import type { TrafficProgress } from '../store/reports.ts';
import { count, note } from './terminal.ts';

/** Where the texts of the demo stand. */
export interface Traffic {
  readonly outbound: number;
  readonly queued: number;
  readonly underWay: number;
  readonly toBeRetried: number;
  /** Accepted by the operator, and nothing heard since. */
  readonly sent: number;
  readonly delivered: number;
  /** Errored for good. */
  readonly errored: number;
  readonly inbound: number;
  /** Inbound texts that the apps have not seen yet. */
  readonly unread: number;
}

/** Sums up the rows of `trafficSince`. */
export function summarize(rows: readonly TrafficProgress[]): Traffic {
  const sum = (
    matches: (row: TrafficProgress) => boolean,
    value = (row: TrafficProgress) => row.transmissions,
  ) => rows.filter(matches).reduce((total, row) => total + value(row), 0);
  const out = (status: string) => sum((row) => row.direction === 'O' && row.status === status);
  const toBeRetried = sum(
    (row) => row.direction === 'O',
    (row) => row.toBeRetried,
  );
  return {
    outbound: sum((row) => row.direction === 'O'),
    queued: out('Q'),
    underWay: out('P'),
    toBeRetried,
    sent: out('S'),
    delivered: out('D'),
    errored: out('E') - toBeRetried,
    inbound: sum((row) => row.direction === 'I'),
    unread: sum((row) => row.direction === 'I' && row.status === 'Q'),
  };
}

/** Without a terminal, a line every so often, in milliseconds. */
const LINE_MS = 2_000;

interface Bar {
  setTotal(total: number): void;
  update(value: number): void;
}

/** Bars on standard error when that is a terminal, else a line now and then. */
export class DemoProgress {
  readonly #began = performance.now();
  #bars: { handedOver: Bar; delivered: Bar; answered: Bar; stop: () => void } | undefined;
  #toldAt = 0;
  #told = '';

  constructor() {
    if (process.stderr.isTTY) this.#bars = drawBars();
  }

  update(traffic: Traffic): void {
    const { outbound, sent, delivered, errored, inbound, unread, toBeRetried } = traffic;
    const accepted = sent + delivered;
    if (this.#bars) {
      const { handedOver, delivered: arrived, answered } = this.#bars;
      handedOver.setTotal(Math.max(1, outbound));
      handedOver.update(accepted + errored);
      arrived.setTotal(Math.max(1, accepted));
      arrived.update(delivered);
      answered.setTotal(Math.max(1, inbound));
      answered.update(inbound - unread);
      return;
    }
    const now = performance.now();
    if (now - this.#toldAt < LINE_MS) return;
    const words = `sent ${count(accepted)} of ${count(outbound)}, delivered ${count(delivered)}, errored ${count(errored)}, to be retried ${count(toBeRetried)}, texts in ${count(inbound)}`;
    if (words === this.#told) return;
    this.#toldAt = now;
    this.#told = words;
    note(`${((now - this.#began) / 1000).toFixed(1).padStart(4)} s: ${words}`);
  }

  stop(): void {
    this.#bars?.stop();
  }
}

function drawBars() {
  const { MultiBar, Presets } = createRequire(import.meta.url)(
    'cli-progress',
  ) as typeof import('cli-progress');
  const bars = new MultiBar(
    {
      format: '  {name} {bar} {value} of {total}',
      stream: process.stderr,
      hideCursor: true,
      barsize: 36,
      autopadding: true,
      clearOnComplete: false,
    },
    Presets.shades_classic,
  );
  const bar = (name: string): Bar => bars.create(1, 0, { name: name.padEnd(14) });
  return {
    handedOver: bar('handed over'),
    delivered: bar('delivered'),
    answered: bar('texts handled'),
    stop: () => bars.stop(),
  };
}
