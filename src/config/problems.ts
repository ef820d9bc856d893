import { z } from 'zod';

/** One thing wrong with the settings: where, and in words what would be right. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

type Issue = z.core.$ZodIssue;

/** Settings whose value must not appear in an error message. */
const SECRET = /pass|secret|token|key|credential|auth|url/i;

/**
 * Turns what zod found into problems in words.
 *
 * @param schema is asked for the names it knows
 * @param alsoKnown names at the top that are checked elsewhere, to be offered all the same
 */
export function problemsOf(
  issues: readonly Issue[],
  input: unknown,
  schema: z.ZodType,
  alsoKnown: readonly string[] = [],
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ path: issue.path, text: describe(issue, valueAt(input, issue.path), issue.path) }];
    }
    const known = [...knownKeys(schema, issue.path), ...(issue.path.length === 0 ? alsoKnown : [])];
    return issue.keys.map((key) => ({ path: [...issue.path, key], text: unknownSetting(key, known) }));
  });
}

/** Says that a name is not known and which one may have been meant. */
export function unknownSetting(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `unknown setting; did you mean "${near}"?`;
  return known.length === 0 ? 'unknown setting' : `unknown setting; known here are ${known.join(', ')}`;
}

/** `backends.sim.batchSize`, with names that hold dots in brackets. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const name = String(part);
      if (!/^[\w$-]+$/.test(name)) return `[${JSON.stringify(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join('');
}

function describe(issue: Issue, value: unknown, path: readonly PropertyKey[]): string {
  const found = isSecret(path) && typeof value === 'string' ? '' : `, not ${show(value)}`;
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined
        ? `is missing; give ${EXPECTED[issue.expected] ?? issue.expected}`
        : `must be ${EXPECTED[issue.expected] ?? issue.expected}${found}`;
    case 'invalid_value':
      return `must be ${issue.values.map((one) => JSON.stringify(one)).join(' or ')}${found}`;
    case 'too_small':
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${size(issue.minimum, issue.origin)}${found}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${size(issue.maximum, issue.origin)}${found}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'is not a valid name';
    case 'invalid_format':
      // zod's own texts start with "Invalid"; ours say what would be right.
      return `must be ${issue.message.startsWith('Invalid') ? (FORMATS[issue.format] ?? `a valid ${issue.format}`) : issue.message}${found}`;
    case 'invalid_union':
      return unionText(issue, value, path);
    default:
      return issue.message;
  }
}

function unionText(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  value: unknown,
  path: readonly PropertyKey[],
): string {
  const first = issue.errors.flat().map((inner) => {
    const where = formatPath(inner.path);
    const text = describe(inner, valueAt(value, inner.path), [...path, ...inner.path]);
    return where === '' ? text : `${where} ${text}`;
  });
  return first.length === 0 ? issue.message : [...new Set(first)].join('; or ');
}

const EXPECTED: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object { … }',
  record: 'an object { name: … }',
  string: 'a text',
};

const FORMATS: Record<string, string> = {
  url: 'a URL such as "https://host/path"',
  regex: 'of another form',
};

const UNITS: Record<string, string> = { string: ' characters', array: ' entries', set: ' entries' };

function size(limit: number | bigint, origin: string): string {
  return `${limit}${UNITS[origin] ?? ''}`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

function isSecret(path: readonly PropertyKey[]): boolean {
  return path.some((part) => SECRET.test(String(part)));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** The names an object schema knows at a path, looking through optional and default wrappers. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = unwrap(schema);
  for (const part of path) {
    if (!(current instanceof z.ZodObject)) return [];
    current = unwrap(current.shape[String(part)]);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let current = schema as { def?: { innerType?: unknown } } | undefined;
  while (current?.def?.innerType !== undefined) current = current.def.innerType as typeof current;
  return current;
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(name);
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
