import { z } from 'zod';
import type { OutboundTransmission } from '../backend.ts';
import { answerReader } from './answer.ts';
import { basicAuthorization, secretForms, splitUrl } from './credentials.ts';
import { type Dialect, HttpGateway } from './gateway.ts';
import { connectionSettings, gatewayUrl } from './settings.ts';
import { fillText } from './template.ts';

/** Settings of a Junebug channel, or of a Vumi conversation as RapidSMS's vumi backend used it. */
export const vumiSettingsSchema = z.strictObject({
  url: gatewayUrl.describe(
    'Where messages are posted: http://127.0.0.1:8080/channels/<id>/messages/ on Junebug.',
  ),
  format: z
    .enum(['junebug', 'vumi'])
    .default('junebug')
    .describe('junebug: to, content, reply_to; vumi: to_addr, content, in_reply_to.'),
  username: z.string().min(1).optional().describe('Basic authentication, with `password`.'),
  password: z.string().optional(),
  from: z.string().min(1).optional().describe('Sender; the channel’s own when left out.'),
  eventUrl: z
    .string()
    .min(1)
    .optional()
    .describe('Where Junebug posts events; {transmissionId} in it lets a receipt be matched at once.'),
  eventToken: z.string().min(1).optional().describe('Token that Junebug shows when it posts events.'),
  recipientsPerCall: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Only vumi: recipients of one text in one call; their answer is then one for all.'),
  ...connectionSettings,
});

export type VumiSettings = z.output<typeof vumiSettingsSchema>;
export type VumiSettingsInput = z.input<typeof vumiSettingsSchema>;

/**
 * A backend for Junebug's `POST /channels/<id>/messages/` and for the HTTP API of Vumi.
 *
 * @throws ZodError when a setting is wrong
 */
export function createVumiBackend(settings: VumiSettingsInput): HttpGateway {
  const parsed = vumiSettingsSchema.parse(settings);
  return new HttpGateway(vumiDialect(parsed), parsed);
}

function vumiDialect(settings: VumiSettings): Dialect {
  const { origin, rest } = splitUrl(settings.url);
  const { username, password = '', eventToken } = settings;
  const authorization = username === undefined ? undefined : basicAuthorization({ username, password });
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (authorization !== undefined) headers.authorization = authorization;
  const isVumi = settings.format === 'vumi';
  const carriesOurId = !isVumi && (settings.eventUrl?.includes('{transmissionId}') ?? false);
  return {
    origin,
    recipientsPerCall: isVumi ? settings.recipientsPerCall : 1,
    receiptsBy: carriesOurId ? 'transmission' : 'external',
    secrets: secretForms([password, eventToken ?? '', authorization ?? '']),
    request: (group) => {
      const body = isVumi
        ? vumiMessage(group, settings)
        : junebugMessage(group[0] as OutboundTransmission, settings);
      return { method: 'POST', path: rest, headers, body: JSON.stringify(body) };
    },
    read: answerReader({
      success: { status: [200, 201, 202] },
      externalId: { json: isVumi ? 'message_id' : 'result.message_id' },
      errors: [{ status: 400, bodyMatches: 'MessageTooLong', code: 'message_too_long' }],
    }),
  };
}

/** Junebug HTTP API, "Send an outbound (mobile terminated) message". */
function junebugMessage(transmission: OutboundTransmission, settings: VumiSettings): object {
  const { id, messageId, identity, text, context } = transmission;
  const { from, eventUrl, eventToken } = settings;
  const values = { transmissionId: id, messageId, identity, fields: context.fields };
  return {
    // Junebug falls back to `to` when the message replied to has expired, if it is set up so.
    to: identity,
    content: text,
    // A reply's sender is the number that was written to; older versions refuse both together.
    ...(context.inResponseTo === undefined ? { from: from ?? null } : { reply_to: context.inResponseTo }),
    ...(eventUrl === undefined ? {} : { event_url: fillText(eventUrl, values, ',', encodeURIComponent) }),
    ...(eventToken === undefined ? {} : { event_auth_token: eventToken }),
  };
}

/** What RapidSMS's vumi backend posts. */
function vumiMessage(group: readonly OutboundTransmission[], { from }: VumiSettings): object {
  const first = group[0] as OutboundTransmission;
  const { inResponseTo } = first.context;
  return {
    to_addr: group.map((each) => each.identity),
    content: first.text,
    session_event: null,
    metadata: { rapidsms_msg_id: first.messageId },
    ...(from === undefined ? {} : { from_addr: from }),
    ...(group.length === 1 && inResponseTo !== undefined ? { in_reply_to: inResponseTo } : {}),
  };
}
