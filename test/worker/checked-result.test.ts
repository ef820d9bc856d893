import { expect, it } from 'vitest';
import type { SendResult } from '../../src/backends/backend.ts';
import { checkedResult } from '../../src/worker/checked-result.ts';

const transmissionId = 'id';
const check = (result: unknown) => checkedResult(result as SendResult);
const unknown = { transmissionId, outcome: 'failed', code: 'unknown_outcome', message: expect.any(String) };

it.each([
  ['no outcome', { transmissionId }, unknown],
  ['an outcome there is not', { transmissionId, outcome: 'perhaps' }, unknown],
  ['a code there is not', { transmissionId, outcome: 'failed', code: 'no_such_code', message: 'm' }, unknown],
  ['no code', { transmissionId, outcome: 'failed' }, unknown],
  [
    'no message',
    { transmissionId, outcome: 'failed', code: 'rejected' },
    { transmissionId, outcome: 'failed', code: 'rejected', message: expect.any(String) },
  ],
  [
    'a message with NUL and a wait that is no number',
    { transmissionId, outcome: 'failed', code: 'throttled', message: 'a\0b', retryAfterMs: Number.NaN },
    { transmissionId, outcome: 'failed', code: 'throttled', message: 'ab' },
  ],
  [
    'a number as id',
    { transmissionId, outcome: 'sent', externalId: 4711 },
    { transmissionId, outcome: 'sent', externalId: '4711' },
  ],
  [
    'an endless id and parts that are no list',
    { transmissionId, outcome: 'sent', externalId: 'x'.repeat(9_000), partIds: 'p' },
    { transmissionId, outcome: 'sent', externalId: 'x'.repeat(500) },
  ],
  [
    'what is right as it is',
    { transmissionId, outcome: 'sent', externalId: 'e', partIds: ['p'] },
    { transmissionId, outcome: 'sent', externalId: 'e', partIds: ['p'] },
  ],
])('takes %s', (_, given, wanted) => {
  expect(check(given)).toEqual(wanted);
});
