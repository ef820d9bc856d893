import { afterEach } from 'vitest';
import type { Batch, SendResult } from '../../src/backends/backend.ts';
import type { SimulatorSettingsInput } from '../../src/backends/simulator/settings.ts';
import { Simulator } from '../../src/backends/simulator/simulator.ts';
import { recordingHooks } from './hooks.ts';

const open: Simulator[] = [];

afterEach(async () => {
  for (const simulator of open.splice(0)) await simulator.stop();
});

/** A started simulator; stopped after the test. */
export async function started(settings: SimulatorSettingsInput = {}) {
  const simulator = new Simulator(settings);
  open.push(simulator);
  const hooks = recordingHooks();
  await simulator.start(hooks);
  const send = async (what: Batch, signal = new AbortController().signal) => {
    const results: SendResult[] = [];
    const error = await simulator
      .send(what, (result) => void results.push(result), signal)
      .then(() => undefined)
      .catch((thrown: Error) => thrown);
    return { results, error };
  };
  return { simulator, hooks, send };
}
