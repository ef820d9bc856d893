import type { z } from 'zod';
import type { Backend } from '../backends/backend.ts';
import { type BackendPolicy, backendPolicySchema } from '../backends/policy.ts';
import { TextyardError } from '../errors.ts';
import { type Problem, problemsOf, unknownSetting } from './problems.ts';
import type { BackendFactory, BackendSettings, BackendTypes } from './settings.ts';

/** What there is when the config names no backends. */
const BUILT_IN = { simulator: { type: 'simulator' } };

const POLICY_SETTINGS = Object.keys(backendPolicySchema.shape);

type Complain = (problem: Problem) => void;

/** Checks the `backends` of a config: the policy by one schema, the rest by that of each type. */
export function resolveBackends(
  config: unknown,
  types: BackendTypes,
  complain: Complain,
): Map<string, BackendSettings> {
  const resolved = new Map<string, BackendSettings>();
  const entries = isObject(config) && config.backends !== undefined ? config.backends : BUILT_IN;
  // What is not even an object was reported by the schema of the whole config.
  if (!isObject(entries)) return resolved;
  if (Object.keys(entries).length === 0) {
    complain({
      path: ['backends'],
      text: 'must name at least one backend, such as simulator: { type: "simulator" }',
    });
  }
  for (const [name, entry] of Object.entries(entries)) {
    if (!isObject(entry)) continue;
    const backend = resolveBackend(name, entry, types, complain);
    if (backend !== undefined) resolved.set(name, backend);
  }
  return resolved;
}

function resolveBackend(
  name: string,
  entry: Record<string, unknown>,
  types: BackendTypes,
  complain: Complain,
): BackendSettings | undefined {
  const { type, backend, ...settings } = entry;
  const path = ['backends', name];
  const own: Record<string, unknown> = {};
  const shared: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings)) {
    (POLICY_SETTINGS.includes(key) ? shared : own)[key] = value;
  }
  const policy = check(backendPolicySchema, shared, path, [], complain);

  if (backend === undefined) return ofType(name, type, own, policy, types, complain);
  if (type !== undefined) complain({ path, text: 'has both type and backend; keep one of them' });
  for (const key of Object.keys(own)) {
    complain({ path: [...path, key], text: unknownSetting(key, POLICY_SETTINGS) });
  }
  return ofObject(name, backend, policy, complain);
}

function ofObject(
  name: string,
  backend: unknown,
  policy: BackendPolicy | undefined,
  complain: Complain,
): BackendSettings | undefined {
  if (typeof backend !== 'function' && !isBackend(backend)) {
    complain({
      path: ['backends', name, 'backend'],
      text: 'must be a backend (an object with send) or a function that makes one',
    });
    return undefined;
  }
  if (policy === undefined) return undefined;
  const create = async () =>
    made(name, typeof backend === 'function' ? await (backend as BackendFactory)(name) : backend);
  return { name, type: 'custom', policy, create };
}

function ofType(
  name: string,
  type: unknown,
  own: Record<string, unknown>,
  policy: BackendPolicy | undefined,
  types: BackendTypes,
  complain: Complain,
): BackendSettings | undefined {
  const path = ['backends', name];
  const backendType = typeof type === 'string' && Object.hasOwn(types, type) ? types[type] : undefined;
  if (typeof type !== 'string' || backendType === undefined) {
    const known = Object.keys(types)
      .map((one) => JSON.stringify(one))
      .join(' or ');
    const text =
      type === undefined
        ? `is missing; give ${known}, or give backend instead`
        : `must be ${known}, not ${JSON.stringify(type)}`;
    complain({ path: [...path, 'type'], text });
    return undefined;
  }
  const settings = check(backendType.schema, own, path, POLICY_SETTINGS, complain);
  if (settings === undefined || policy === undefined) return undefined;
  return { name, type, policy, create: async () => made(name, await backendType.create(settings, name)) };
}

function check<T>(
  schema: z.ZodType<T>,
  input: Record<string, unknown>,
  path: readonly PropertyKey[],
  alsoKnown: readonly string[],
  complain: Complain,
): T | undefined {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  for (const problem of problemsOf(result.error.issues, input, schema, alsoKnown)) {
    complain({ path: [...path, ...problem.path], text: problem.text });
  }
  return undefined;
}

function made(name: string, backend: unknown): Backend {
  if (isBackend(backend)) return backend;
  const field = `backends.${name}`;
  throw new TextyardError(
    'configuration',
    `${field}: its function must return a backend, an object with send`,
    { field },
  );
}

function isBackend(value: unknown): value is Backend {
  return isObject(value) && typeof value.send === 'function';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
