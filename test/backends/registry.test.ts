import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { backendTypes } from '../../src/backends/registry.ts';

const examples = {
  simulator: {},
  http: { url: 'http://127.0.0.1:9/send', query: { to: '{identity}' } },
  kannel: { url: 'http://127.0.0.1:9/cgi-bin/sendsms', username: 'tester', password: 'foobar' },
  vumi: { url: 'http://127.0.0.1:9/channels/c1/messages/' },
};

describe('backendTypes', () => {
  it.each(Object.keys(backendTypes) as (keyof typeof backendTypes)[])(
    '%s is made from parsed settings',
    (type) => {
      const { schema, create } = backendTypes[type];
      const backend = (create as (settings: unknown, name: string) => object)(
        schema.parse(examples[type]),
        'main',
      );
      expect(backend).toHaveProperty('send');
    },
  );

  it('a process ends by itself once its backends are stopped', () => {
    const program = `
      const { backendTypes } = await import('./src/backends/registry.ts');
      const hooks = { receive: async () => {}, receipt: async () => {}, ready() {}, log: console };
      const settings = { receipts: { deliveredShare: 1, delayMs: { mean: 60000 } }, replies: { share: 1, delayMs: { mean: 60000 } } };
      const transmission = { id: 't', messageId: 'm', identity: '+12025550123', text: 'x', segments: 1, attempt: 1, priority: 0, context: { fields: {} } };
      const batch = { id: 'b', transmissions: [transmission] };
      const simulator = backendTypes.simulator.create(settings, 's');
      const http = backendTypes.http.create(${JSON.stringify(examples.http)}, 'h');
      for (const backend of [simulator, http]) {
        await backend.start?.(hooks);
        await backend.send(batch, () => {}, new AbortController().signal).catch(() => {});
        await backend.stop();
      }
      console.log('stopped');
    `;
    const { stdout, status, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        encoding: 'utf8',
        timeout: 15_000,
      },
    );
    expect({ stdout, status, signal }).toEqual({ stdout: 'stopped\n', status: 0, signal: null });
  });
});
