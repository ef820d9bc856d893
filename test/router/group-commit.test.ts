import { describe, expect, it } from 'vitest';
import { TextyardError } from '../../src/errors.ts';
import { GroupCommit } from '../../src/router/group-commit.ts';

/** Three calls that share a commit: the first one occupies the only turn until they are there. */
async function together(
  run: (inputs: number[]) => Promise<number[]>,
): Promise<PromiseSettledResult<number>[]> {
  const { promise: gathered, resolve } = Promise.withResolvers<void>();
  const commits = new GroupCommit<number, number>(
    async (inputs) => {
      if (inputs[0] === 0) await gathered;
      return inputs[0] === 0 ? inputs : run(inputs);
    },
    { concurrency: 1 },
  );
  const first = commits.submit(0);
  const calls = [1, 2, 3].map((input) => commits.submit(input));
  resolve();
  await first;
  return Promise.allSettled(calls);
}

describe('a group that fails', () => {
  it('loses only the call that the database refuses', async () => {
    const settled = await together(async (inputs) => {
      if (inputs.includes(2)) throw new Error('refused');
      return inputs;
    });
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('is tried again, call by call, after a broken connection', async () => {
    let runs = 0;
    const settled = await together(async (inputs) => {
      runs += 1;
      if (runs === 1) throw new TextyardError('unavailable', 'broken');
      return inputs;
    });
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('is told at once when the database is away, and does not wait for one time-out after another', async () => {
    let runs = 0;
    const settled = await together(async () => {
      runs += 1;
      throw new TextyardError('unavailable', 'away');
    });
    expect(settled.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(runs).toBe(2);
  });
});
