import { z } from 'zod';
import { segmentsOf } from '../../sms/segments.ts';
import type { OutboundTransmission } from '../backend.ts';
import { answerReader } from './answer.ts';
import { secretForms, splitUrl } from './credentials.ts';
import { type Dialect, HttpGateway } from './gateway.ts';
import { connectionSettings, gatewayUrl } from './settings.ts';
import { fillText, type TemplateValues } from './template.ts';

/** Settings of a Kannel smsbox (or what speaks its sendsms interface: Jasmin, playSMS, SMSEagle). */
export const kannelSettingsSchema = z.strictObject({
  url: gatewayUrl.describe('Address of sendsms, such as http://127.0.0.1:13013/cgi-bin/sendsms.'),
  username: z.string().min(1).describe('`username` of the sendsms-user group.'),
  password: z.string().describe('Its password.'),
  from: z.string().min(1).optional().describe('Sender; the group’s default when left out.'),
  smsc: z.string().min(1).optional().describe('SMSC to route by.'),
  account: z.string().min(1).optional().describe('Account for the log.'),
  dlrMask: z
    .number()
    .int()
    .min(0)
    .max(127)
    .default(31)
    .describe(
      'Receipts wanted: 1 delivered + 2 undelivered + 4 queued + 8 accepted + 16 rejected by the SMSC.',
    ),
  dlrUrl: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where Kannel reports to, with {transmissionId} and Kannel’s own %d, %A, %F: no receipts when left out.',
    ),
  parameters: z.record(z.string(), z.string()).default({}).describe('Further parameters of sendsms.'),
  ...connectionSettings,
});

export type KannelSettings = z.output<typeof kannelSettingsSchema>;
export type KannelSettingsInput = z.input<typeof kannelSettingsSchema>;

/**
 * A backend for Kannel's sendsms interface (Kannel user guide, "Using the HTTP interface to send
 * SMS messages"). Texts beyond GSM-7 go with `coding=2`.
 *
 * @throws ZodError when a setting is wrong
 */
export function createKannelBackend(settings: KannelSettingsInput): HttpGateway {
  const parsed = kannelSettingsSchema.parse(settings);
  return new HttpGateway(kannelDialect(parsed), parsed);
}

function kannelDialect(settings: KannelSettings): Dialect {
  const { origin, rest } = splitUrl(settings.url);
  const carriesOurId = settings.dlrUrl?.includes('{transmissionId}') ?? false;
  return {
    origin,
    recipientsPerCall: 1,
    receiptsBy: carriesOurId ? 'transmission' : 'external',
    secrets: secretForms([settings.password]),
    request: ([transmission]) => {
      const query = parametersOf(transmission as OutboundTransmission, settings);
      return { method: 'GET', path: `${rest}${rest.includes('?') ? '&' : '?'}${query}`, headers: {} };
    },
    read: answerReader({
      // "0: Accepted for delivery", "3: Queued for later delivery", or words set by the operator.
      success: { status: [200, 202], bodyMatches: String.raw`^\s*(?:[03]\b|(?!\d+:))` },
      externalId: undefined,
      errors: [
        { bodyMatches: '[Nn]ot routable', code: 'unroutable' },
        { bodyMatches: 'denied by .*list', code: 'unroutable' },
        { status: 403, code: 'auth_failed' },
        { status: 400, bodyMatches: "[Rr]eceiver|'to' field", code: 'invalid_number' },
        { status: 400, bodyMatches: '[Ss]ender missing', code: 'misconfigured' },
        { status: 400, bodyMatches: 'misformed', code: 'content_rejected' },
        // smsbox says 503 only when the bearerbox did not take the message.
        { status: 503, code: 'provider_unavailable' },
      ],
    }),
  };
}

function parametersOf(transmission: OutboundTransmission, settings: KannelSettings): string {
  const { username, password, from, smsc, account, dlrMask, dlrUrl } = settings;
  const { identity, text, priority, validUntil } = transmission;
  const unicode = segmentsOf(text).encoding === 'UCS-2';
  const parameters = new URLSearchParams({ username, password, to: identity, text });
  parameters.set('charset', 'UTF-8');
  parameters.set('coding', unicode ? '2' : '0');
  if (from !== undefined) parameters.set('from', from);
  if (smsc !== undefined) parameters.set('smsc', smsc);
  if (account !== undefined) parameters.set('account', account);
  if (priority > 0) parameters.set('priority', String(Math.min(3, priority)));
  if (validUntil !== undefined) {
    const minutes = Math.floor((validUntil.getTime() - Date.now()) / 60_000);
    parameters.set('validity', String(Math.max(1, minutes)));
  }
  if (dlrUrl !== undefined) {
    parameters.set('dlr-mask', String(dlrMask));
    parameters.set('dlr-url', fillText(dlrUrl, valuesOf(transmission), ',', encodeURIComponent));
  }
  for (const [name, value] of Object.entries(settings.parameters)) parameters.set(name, value);
  return parameters.toString();
}

function valuesOf({ id, messageId, identity, context }: OutboundTransmission): TemplateValues {
  return { transmissionId: id, messageId, identity, fields: context.fields };
}
