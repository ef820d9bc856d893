import type { BenchCase } from '../case.ts';
import { fillConnections } from '../phones.ts';
import { sendBulk, sendBulkByHand } from './bulk.ts';

/** Parts of a million; plot.ts draws what comes of them. */
const SHARES = [0.01, 0.03, 0.1, 0.3, 1];

export const growth: BenchCase = {
  name: 'growth',
  title: 'one message to 10 thousand … 1 million: what a transmission costs',
  unit: 'transmissions',
  size: 1_000_000,
  isDefault: false,
  contenders: SHARES.flatMap((share) => [
    { name: `ours ${share}`, share, prepare: fillConnections, run: sendBulk },
    { name: `floor ${share}`, share, prepare: fillConnections, run: sendBulkByHand },
  ]),
  ratios: [
    { metric: 'microsEach', of: 'ours 1', to: 'ours 0.1', aim: { atMost: 1.1 } },
    { metric: 'microsEach', of: 'floor 1', to: 'floor 0.1' },
  ],
  limits: [],
};
