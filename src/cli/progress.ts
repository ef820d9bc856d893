import { createRequire } from 'node:module';
import { count } from './terminal.ts';

/** Shows how far long work is. */
export interface Progress {
  /** @param done in the unit of the total; @param items what is counted for people */
  update(done: number, items: number): void;
  stop(): void;
}

const NONE: Progress = { update() {}, stop() {} };

/** How often the bar is drawn, in milliseconds. */
const REDRAW_MS = 100;

/**
 * A bar on standard error when that is a terminal, else nothing.
 *
 * @param total undefined when it is not known how much there is; then only items and rate are shown
 */
export function showProgress(unit: string, total: number | undefined): Progress {
  if (!process.stderr.isTTY) return NONE;
  const { SingleBar, Presets } = createRequire(import.meta.url)(
    'cli-progress',
  ) as typeof import('cli-progress');
  const began = performance.now();
  const format =
    total === undefined
      ? `{items} ${unit}, {rate}/s`
      : `{bar} {percentage}%  {items} ${unit}, {rate}/s, {eta_formatted} left`;
  const bar = new SingleBar(
    {
      format,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
      autopadding: true,
    },
    Presets.shades_classic,
  );
  bar.start(total ?? 0, 0, { items: '0', rate: '0' });
  let drawn = 0;
  return {
    update(done, items) {
      const now = performance.now();
      if (now - drawn < REDRAW_MS) return;
      drawn = now;
      const rate = Math.round((items * 1000) / Math.max(1, now - began));
      bar.update(done, { items: count(items), rate: count(rate) });
    },
    stop: () => bar.stop(),
  };
}
