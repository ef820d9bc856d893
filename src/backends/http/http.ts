import type { OutboundTransmission } from '../backend.ts';
import { answerReader } from './answer.ts';
import { basicAuthorization, secretForms, splitUrl } from './credentials.ts';
import { type Dialect, HttpGateway } from './gateway.ts';
import { type HttpSettings, type HttpSettingsInput, httpSettingsSchema } from './settings.ts';
import {
  escapeForHeader,
  fillJson,
  fillParameters,
  fillText,
  type JsonValue,
  type TemplateValues,
} from './template.ts';

/**
 * A backend for any gateway that takes texts over HTTP, described by its settings.
 *
 * @throws ZodError when a setting is wrong
 */
export function createHttpBackend(settings: HttpSettingsInput): HttpGateway {
  const parsed = httpSettingsSchema.parse(settings);
  return new HttpGateway(templateDialect(parsed), parsed);
}

/** The interface of a gateway, from templates. */
function templateDialect(settings: HttpSettings): Dialect {
  const { method, form, bulk } = settings;
  const json = settings.json as JsonValue | undefined;
  const joiner = bulk?.joiner ?? ',';
  const { origin, rest } = splitUrl(settings.url);
  const headers = { ...fixedHeaders(settings), ...settings.headers };

  return {
    origin,
    recipientsPerCall: bulk?.max ?? 1,
    receiptsBy: settings.receiptsBy,
    secrets: secretsOf(settings),
    request: (group) => {
      const values = valuesOf(group, settings.from);
      const query = fillParameters(settings.query, values, joiner);
      const path = fillText(rest, values, joiner, encodeURIComponent);
      const filled: Record<string, string> = {};
      for (const [name, template] of Object.entries(headers)) {
        filled[name] = fillText(template, values, joiner, escapeForHeader);
      }
      return {
        method,
        path: query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`,
        headers: filled,
        body: form === undefined ? jsonBody(json, values) : fillParameters(form, values, joiner),
      };
    },
    read: answerReader(settings),
  };
}

function jsonBody(json: JsonValue | undefined, values: TemplateValues): string | undefined {
  return json === undefined ? undefined : JSON.stringify(fillJson(json, values));
}

function valuesOf(group: readonly OutboundTransmission[], from: string | undefined): TemplateValues {
  const first = group[0] as OutboundTransmission;
  return {
    identity: first.identity,
    identities: group.map((each) => each.identity),
    text: first.text,
    transmissionId: first.id,
    messageId: first.messageId,
    segments: first.segments,
    inResponseTo: first.context.inResponseTo,
    from,
    attempt: first.attempt,
    priority: first.priority,
    fields: first.context.fields,
  };
}

function fixedHeaders({ form, json, auth }: HttpSettings): Record<string, string> {
  const headers: Record<string, string> = {};
  if (form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  if (json !== undefined) headers['content-type'] = 'application/json';
  if (auth !== undefined) {
    headers.authorization = 'bearer' in auth ? `Bearer ${auth.bearer}` : basicAuthorization(auth);
  }
  return headers;
}

const SECRET_NAME = /auth|key|token|secret|pass|pwd|sign/i;

/** Credentials, and whatever stands under a name that sounds like one. */
function secretsOf({ auth, headers, query, form = {}, url }: HttpSettings): string[] {
  const named = [...Object.entries(headers), ...Object.entries(query), ...Object.entries(form)]
    .filter(([name]) => SECRET_NAME.test(name))
    .map(([, value]) => String(value));
  const inUrl = [...new URL(url).searchParams]
    .filter(([name]) => SECRET_NAME.test(name))
    .map(([, value]) => value);
  const given =
    auth === undefined ? [] : 'bearer' in auth ? [auth.bearer] : [auth.password, basicAuthorization(auth)];
  return secretForms([...given, ...named, ...inUrl]);
}
