import { afterEach } from 'vitest';
import type { Backend, Batch, SendResult } from '../../src/backends/backend.ts';
import { createHttpBackend } from '../../src/backends/http/http.ts';
import type { HttpSettingsInput } from '../../src/backends/http/settings.ts';
import type { SendError } from '../../src/errors.ts';
import { fakeGateway, type GatewayReaction } from './fake-gateway.ts';

/** Run, last first, after the test that added them. */
export const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A gateway that reacts like this to every call, and a backend over it. */
export async function gatewayWith(settings: Partial<HttpSettingsInput> = {}, reaction: GatewayReaction = {}) {
  const gateway = await fakeGateway(() => reaction);
  closing.push(gateway.close);
  return { gateway, backend: backendFor(gateway.origin, settings) };
}

/** A backend that calls `/send` there. */
export function backendFor(origin: string, settings: Partial<HttpSettingsInput> = {}) {
  const backend = createHttpBackend({ url: `${origin}/send`, query: { to: '{identity}' }, ...settings });
  closing.push(() => backend.stop());
  return backend;
}

/** Sends a batch; the results, and the error it ended in. */
export async function send(backend: Backend, what: Batch) {
  const results: SendResult[] = [];
  const error = await backend
    .send(what, (result) => void results.push(result), new AbortController().signal)
    .then(() => undefined)
    .catch((thrown: SendError) => thrown);
  return { results, error };
}
