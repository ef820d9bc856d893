/**
 * Placeholders such as `{identity}` in addresses, headers and bodies. Values come from people's
 * messages, so each is escaped for the place it stands in.
 */

/** Those of one transmission. */
export const PLACEHOLDERS: readonly string[] = [
  'identity',
  'text',
  'transmissionId',
  'messageId',
  'segments',
  'inResponseTo',
  'from',
  'attempt',
  'priority',
];
/** Those that are the same for all recipients of one call. */
export const BULK_PLACEHOLDERS: readonly string[] = [
  'identities',
  'text',
  'messageId',
  'segments',
  'inResponseTo',
  'from',
  'priority',
];

/** Values by placeholder name; `fields` is looked into by path. */
export interface TemplateValues {
  readonly [name: string]: unknown;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

const PLACEHOLDER = /\{([a-zA-Z]+(?:\.[\w.-]+)?)\}/g;
const ALONE = /^\{([a-zA-Z]+(?:\.[\w.-]+)?)\}$/;

/** Names of all placeholders anywhere in a template. */
export function placeholdersIn(template: unknown): string[] {
  if (typeof template === 'string')
    return [...template.matchAll(PLACEHOLDER)].map((match) => match[1] as string);
  if (typeof template !== 'object' || template === null) return [];
  return Object.values(template).flatMap(placeholdersIn);
}

/** The text with its placeholders filled in; a value that is not there leaves nothing. */
export function fillText(
  template: string,
  values: TemplateValues,
  joiner: string,
  escapeValue: (value: string) => string = (value) => value,
): string {
  return template.replace(PLACEHOLDER, (_, name: string) =>
    escapeValue(asText(lookUp(values, name), joiner)),
  );
}

/** `a=1&b=2` from named templates; a parameter whose placeholder has no value is left out. */
export function fillParameters(
  templates: Readonly<Record<string, string | number | boolean>>,
  values: TemplateValues,
  joiner: string,
): string {
  const parameters = new URLSearchParams();
  for (const [name, template] of Object.entries(templates)) {
    const alone = typeof template === 'string' ? ALONE.exec(template) : null;
    if (alone !== null && lookUp(values, alone[1] as string) === undefined) continue;
    parameters.append(name, fillText(String(template), values, joiner));
  }
  return parameters.toString();
}

/**
 * JSON from a template: a string that is one placeholder alone becomes the value itself (a number
 * stays a number, `{identities}` a list), and its key is left out when there is no value.
 */
export function fillJson(template: JsonValue, values: TemplateValues): JsonValue | undefined {
  if (typeof template === 'string') {
    const alone = ALONE.exec(template);
    if (alone !== null) return lookUp(values, alone[1] as string) as JsonValue | undefined;
    return fillText(template, values, ',');
  }
  if (Array.isArray(template)) {
    return template.map((item) => fillJson(item, values)).filter((item) => item !== undefined);
  }
  if (typeof template !== 'object' || template === null) return template;
  const filled: { [key: string]: JsonValue } = {};
  for (const [key, value] of Object.entries(template)) {
    const item = fillJson(value, values);
    if (item !== undefined) filled[key] = item;
  }
  return filled;
}

/** Fit for a header: without line breaks (they would end it), beyond Latin-1 percent-encoded. */
export function escapeForHeader(value: string): string {
  return value
    .replace(/[\p{Cc}]+/gu, ' ')
    .replace(/[^\x20-\xff]+/gu, (foreign) => encodeURIComponent(foreign.toWellFormed()));
}

function lookUp(values: TemplateValues, name: string): unknown {
  if (!name.startsWith('fields.')) return values[name];
  return atPath(values.fields, name.slice('fields.'.length));
}

/** What stands at a dotted path such as `messages.0.id`; undefined when nothing does. */
export function atPath(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

function asText(value: unknown, joiner: string): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => asText(item, joiner)).join(joiner);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
