import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Backend } from '../../src/backends/backend.ts';
import { resolveSettings } from '../../src/config/resolve.ts';
import { type BackendTypes, defineConfig } from '../../src/config/settings.ts';

const quiet: Backend = { async send() {} };

const backendTypes: BackendTypes = {
  simulator: {
    description: 'Sends nowhere.',
    schema: z.strictObject({ failRate: z.number().min(0).max(1).default(0) }),
    create: () => quiet,
  },
  gateway: {
    description: 'A gateway.',
    schema: z.strictObject({ url: z.url(), password: z.string().min(8) }),
    create: (settings, name) => Object.assign({ made: `${name} at ${settings.url}` }, quiet),
  },
};

const resolve = (config: unknown, env: NodeJS.ProcessEnv = {}) =>
  resolveSettings(config, { backendTypes, env, label: 'textyard.config.ts' });

function problems(config: unknown, env: NodeJS.ProcessEnv = {}): string[] {
  try {
    resolve(config, env);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('what is right', () => {
  test('nothing given: one simulator, loopback, apps that answer', () => {
    const settings = resolve(undefined);
    expect([...settings.backends.keys()]).toEqual(['simulator']);
    expect(settings.apps.map((app) => app.name)).toEqual(['ping', 'default responder']);
    expect(settings.http).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(settings.worker).toMatchObject({
      inbound: true,
      shutdownSeconds: 20,
      pollSeconds: 1,
      backends: undefined,
    });
    expect(settings.log).toEqual({ level: 'info' });
    expect(settings.databaseUrl).toBeUndefined();
  });

  test('a backend gets its policy, with defaults, apart from the settings of its type', async () => {
    const settings = resolve({
      backends: {
        'gate-1': { type: 'gateway', url: 'http://10.0.0.1/send', password: 'long enough', batchSize: 10 },
      },
    });
    const backend = settings.backends.get('gate-1')!;
    expect(backend).toMatchObject({ type: 'gateway', policy: { batchSize: 10, concurrency: 4 } });
    expect(backend.policy.retry.attempts).toBe(5);
    expect(await backend.create()).toMatchObject({ made: 'gate-1 at http://10.0.0.1/send' });
  });

  test('a backend may be an object or a function, also an async one', async () => {
    const settings = resolve(
      defineConfig({
        backends: {
          phones: { type: 'simulator', concurrency: 2 },
          object: { backend: quiet, identities: 'any' },
          factory: { backend: async (name) => Object.assign({ name }, quiet) },
        },
      }),
    );
    expect(await settings.backends.get('object')!.create()).toBe(quiet);
    expect(settings.backends.get('object')!.policy.identities).toBe('any');
    expect(await settings.backends.get('factory')!.create()).toMatchObject({ name: 'factory' });
  });

  test('a function that makes no backend is found out when it is called', async () => {
    const settings = resolve({ backends: { odd: { backend: () => ({}) } } });
    await expect(settings.backends.get('odd')!.create()).rejects.toThrow(
      'backends.odd: its function must return a backend, an object with send',
    );
  });

  test('apps are kept as they are, in order', () => {
    class Survey {
      readonly name = 'survey';
      handle() {}
    }
    const apps = [new Survey(), { name: 'other' }];
    const settings = resolve({ apps });
    expect(settings.apps[0]).toBe(apps[0]);
    expect(settings.apps[1]).toBe(apps[1]);
    expect(resolve({ apps: [] }).apps).toEqual([]);
  });

  test('the environment wins over the file; empty variables do not count', () => {
    const file = {
      databaseUrl: 'postgres://file/db',
      backends: { a: { type: 'simulator' }, b: { type: 'simulator' } },
      http: { port: 1 },
      log: { level: 'warn' },
    };
    const settings = resolve(file, {
      DATABASE_URL: 'postgresql://env/db',
      TEXTYARD_HTTP_HOST: '0.0.0.0',
      TEXTYARD_HTTP_PORT: '9000',
      TEXTYARD_LOG_LEVEL: 'DEBUG',
      TEXTYARD_WORKER_BACKENDS: ' b , a,',
    });
    expect(settings).toMatchObject({
      databaseUrl: 'postgresql://env/db',
      http: { host: '0.0.0.0', port: 9000 },
      log: { level: 'debug' },
      worker: { backends: ['b', 'a'], shutdownSeconds: 20 },
    });
    expect(resolve(file, { DATABASE_URL: '', TEXTYARD_HTTP_PORT: ' ' })).toMatchObject({
      databaseUrl: 'postgres://file/db',
      http: { port: 1 },
    });
  });
});

describe('what is wrong', () => {
  const sim = (settings: object) => ({ backends: { sim: { type: 'simulator', ...settings } } });
  const gate = (settings: object) => ({
    backends: { gate: { type: 'gateway', url: 'http://a/', password: 'long enough', ...settings } },
  });

  test.each<{ what: string; config: unknown; env?: NodeJS.ProcessEnv; says: string[] }>([
    {
      what: 'a number out of range',
      config: sim({ batchSize: 0 }),
      says: ['textyard.config.ts: backends.sim.batchSize: must be at least 1, not 0'],
    },
    {
      what: 'a wrong type',
      config: sim({ batchSize: '200' }),
      says: ['textyard.config.ts: backends.sim.batchSize: must be a number, not "200"'],
    },
    {
      what: 'a fraction where a whole number is due',
      config: sim({ batchSize: 1.5 }),
      says: ['textyard.config.ts: backends.sim.batchSize: must be a whole number, not 1.5'],
    },
    {
      what: 'a misspelt setting of the policy',
      config: sim({ batch_size: 3 }),
      says: ['textyard.config.ts: backends.sim.batch_size: unknown setting; did you mean "batchSize"?'],
    },
    {
      what: "a misspelt setting of the type's own",
      config: sim({ failrate: 1 }),
      says: ['textyard.config.ts: backends.sim.failrate: unknown setting; did you mean "failRate"?'],
    },
    {
      what: 'an unknown setting deep down',
      config: sim({ retry: { times: 3 } }),
      says: [
        'textyard.config.ts: backends.sim.retry.times: unknown setting; known here are attempts, baseSeconds, maxSeconds',
      ],
    },
    {
      what: 'a value outside a list',
      config: sim({ onUnknown: 'drop' }),
      says: ['textyard.config.ts: backends.sim.onUnknown: must be "resend" or "hold", not "drop"'],
    },
    {
      what: 'a text of the wrong form',
      config: sim({ defaultCountry: 'usa' }),
      says: [
        'textyard.config.ts: backends.sim.defaultCountry: must be a two-letter country code such as "US", not "usa"',
      ],
    },
    {
      what: 'a secret that is too short, which is not shown',
      config: gate({ password: 'hunter2' }),
      says: ['textyard.config.ts: backends.gate.password: must be at least 8 characters'],
    },
    {
      what: 'a missing setting of the type',
      config: gate({ url: undefined }),
      says: ['textyard.config.ts: backends.gate.url: is missing; give a text'],
    },
    {
      what: 'a wrong URL, which may hold a password and is not shown',
      config: gate({ url: 'root/hunter2' }),
      says: ['textyard.config.ts: backends.gate.url: must be a URL such as "https://host/path"'],
    },
    {
      what: 'an unknown type',
      config: { backends: { sim: { type: 'simulater' } } },
      says: ['textyard.config.ts: backends.sim.type: must be "simulator" or "gateway", not "simulater"'],
    },
    {
      what: 'a type that every object has',
      config: { backends: { sim: { type: 'constructor' } } },
      says: ['textyard.config.ts: backends.sim.type: must be "simulator" or "gateway", not "constructor"'],
    },
    {
      what: 'neither type nor backend',
      config: { backends: { sim: {} } },
      says: [
        'textyard.config.ts: backends.sim.type: is missing; give "simulator" or "gateway", or give backend instead',
      ],
    },
    {
      what: 'both type and backend',
      config: { backends: { sim: { type: 'simulator', backend: quiet } } },
      says: ['textyard.config.ts: backends.sim: has both type and backend; keep one of them'],
    },
    {
      what: 'a backend that is none',
      config: { backends: { sim: { backend: { sned() {} } } } },
      says: [
        'textyard.config.ts: backends.sim.backend: must be a backend (an object with send) or a function that makes one',
      ],
    },
    {
      what: 'a setting that a backend object cannot take',
      config: { backends: { sim: { backend: quiet, failRate: 1 } } },
      says: [
        expect.stringMatching(
          /^textyard.config.ts: backends\.sim\.failRate: unknown setting; known here/,
        ) as never,
      ],
    },
    {
      what: 'a bad name',
      config: { backends: { 'My Line': { type: 'simulator' } } },
      says: [
        'textyard.config.ts: backends["My Line"]: is not a valid backend name: use up to 63 of a-z, 0-9, "-", "_" and ".", starting with a letter or digit',
      ],
    },
    {
      what: 'no backends at all',
      config: { backends: {} },
      says: [
        'textyard.config.ts: backends: must name at least one backend, such as simulator: { type: "simulator" }',
      ],
    },
    {
      what: 'a list of backends',
      config: { backends: [] },
      says: ['textyard.config.ts: backends: must be an object { name: … }, not a list'],
    },
    {
      what: 'an app factory that was not called',
      config: { apps: [{ name: 'fine' }, function survey() {}] },
      says: ['textyard.config.ts: apps[1]: must be an app, not a function; call it: survey()'],
    },
    {
      what: 'an app without a name',
      config: { apps: [{ handle() {} }] },
      says: ['textyard.config.ts: apps[0]: must have a name, such as name: "survey"'],
    },
    {
      what: 'an app whose phase is no function',
      config: { apps: [{ name: 'survey', handle: true }] },
      says: ['textyard.config.ts: apps[0]: handle must be a function'],
    },
    {
      what: 'a misspelt section',
      config: { backend: {}, htpp: {} },
      says: [
        'textyard.config.ts: backend: unknown setting; did you mean "backends"?',
        'textyard.config.ts: htpp: unknown setting; did you mean "http"?',
      ],
    },
    {
      what: 'a polling pace below what pg-boss can do',
      config: { worker: { pollSeconds: 0.1, shutdownSeconds: -1 } },
      says: [
        'textyard.config.ts: worker.shutdownSeconds: must be at least 0, not -1',
        'textyard.config.ts: worker.pollSeconds: must be at least 0.5, not 0.1',
      ],
    },
    {
      what: 'a worker for a backend that is not there',
      config: { worker: { backends: ['simulator', 'smpp'] } },
      says: ['textyard.config.ts: worker.backends[1]: no backend is called "smpp"; there are simulator'],
    },
    {
      what: 'a database URL of another kind, which is not shown',
      config: { databaseUrl: 'mysql://root:hunter2@db/x' },
      says: [
        'textyard.config.ts: databaseUrl: must be a URL such as "postgres://user:password@host:5432/database"',
      ],
    },
    {
      what: 'several at once, in the file and the environment',
      config: { ...sim({ concurrency: 0 }), http: { port: 70_000 } },
      env: { TEXTYARD_HTTP_PORT: '80a', TEXTYARD_LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://root:hunter2@db' },
      says: [
        'textyard.config.ts: http.port: must be at most 65535, not 70000',
        'textyard.config.ts: backends.sim.concurrency: must be at least 1, not 0',
        'DATABASE_URL: must be a URL such as "postgres://user:password@host:5432/database"',
        'TEXTYARD_HTTP_PORT: must be a port from 0 to 65535, not "80a"',
        'TEXTYARD_LOG_LEVEL: must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
      ],
    },
    {
      what: 'an unknown backend in the environment',
      config: undefined,
      env: { TEXTYARD_WORKER_BACKENDS: 'smpp' },
      says: ['TEXTYARD_WORKER_BACKENDS: no backend is called "smpp"; there are simulator'],
    },
  ])('$what', ({ config, env, says }) => {
    expect(problems(config, env)).toEqual(says);
  });
});
