import { z } from 'zod';
import { SEND_ERRORS, type SendErrorCode } from '../../errors.ts';
import { BULK_PLACEHOLDERS, PLACEHOLDERS, placeholdersIn } from './template.ts';

const errorCode = z.enum(Object.keys(SEND_ERRORS) as [SendErrorCode, ...SendErrorCode[]]);

export const regularExpression = z.string().refine(
  (source) => {
    try {
      new RegExp(source);
      return true;
    } catch {
      return false;
    }
  },
  { error: (issue) => `${JSON.stringify(issue.input)} is not a regular expression` },
);

/** The address of a gateway, without credentials (they would end up in messages and logs). */
export const gatewayUrl = z
  .string()
  .refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol), {
    error: 'expected an address such as https://gateway.example/send',
  })
  .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
    error: 'put user name and password into the settings for them, not into the address',
  })
  .refine((url) => !URL.canParse(url) || !/[{}]|%7b/i.test(new URL(url).host), {
    error: 'a placeholder may not stand in the host name',
  });

/** Settings of the connection, the same for every gateway spoken to over HTTP. */
export const connectionSettings = {
  connections: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('HTTP calls under way at once, over all batches of this process; one connection each.'),
  connectTimeoutMs: z
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(5_000)
    .describe('A connection not made within this counts as unreachable, in milliseconds.'),
  answerTimeoutMs: z
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(20_000)
    .describe('A call not answered within this has an unknown outcome, in milliseconds.'),
  keepAliveMs: z
    .number()
    .int()
    .min(100)
    .max(600_000)
    .default(4_000)
    .describe(
      'An idle connection is closed after this, in milliseconds; keep it below what the gateway does.',
    ),
};

const templates = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** Settings of a gateway that takes texts over HTTP, whatever its interface looks like. */
export const httpSettingsSchema = z
  .strictObject({
    url: gatewayUrl.describe('Address called; placeholders may stand in its path and query.'),
    method: z.enum(['GET', 'POST', 'PUT']).default('POST').describe('HTTP method.'),
    headers: z
      .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'not the name of a header'), z.string())
      .default({})
      .describe('Headers, by name.'),
    query: templates.default({}).describe('Query parameters, by name.'),
    form: templates.optional().describe('Body as application/x-www-form-urlencoded.'),
    json: z
      .json()
      .optional()
      .describe('Body as JSON; a string that is one placeholder alone keeps its type.'),
    from: z.string().min(1).optional().describe('Sender: what {from} stands for.'),
    auth: z
      .union([
        z.strictObject({ username: z.string().min(1), password: z.string() }),
        z.strictObject({ bearer: z.string().min(1) }),
      ])
      .optional()
      .describe('Basic authentication (username and password) or a bearer token.'),
    success: z
      .strictObject({
        status: z.array(z.number().int().min(100).max(599)).min(1).default([200, 201, 202]),
        bodyMatches: regularExpression.optional().describe('The body of a success matches this.'),
      })
      .prefault({}),
    externalId: z
      .union([
        z.strictObject({ json: z.string().min(1).describe('Path such as messages.0.id') }),
        z.strictObject({ regex: regularExpression.describe('Its first group, or all of it.') }),
        z.strictObject({ header: z.string().min(1) }),
      ])
      .optional()
      .describe("Where the answer has the gateway's id of the message."),
    errors: z
      .array(
        z
          .strictObject({
            status: z.union([z.number().int().min(100).max(599), z.string().regex(/^[1-5]xx$/)]).optional(),
            bodyMatches: regularExpression.optional(),
            code: errorCode,
          })
          .refine((rule) => rule.status !== undefined || rule.bodyMatches !== undefined, {
            error: 'give status, bodyMatches or both',
          }),
      )
      .default([])
      .describe('What answers mean, looked at before everything else; the first match counts.'),
    bulk: z
      .strictObject({
        joiner: z.string().default(',').describe('What stands between numbers where {identities} is a text.'),
        max: z.number().int().min(2).max(10_000).default(100).describe('Numbers in one call.'),
      })
      .optional()
      .describe('One call for all recipients of a text, its numbers in {identities}.'),
    receiptsBy: z
      .enum(['transmission', 'external'])
      .default('external')
      .describe('Whether receipts carry our {transmissionId}, or only the id of `externalId`.'),
    ...connectionSettings,
  })
  .superRefine((settings, context) => {
    const { form, json, method, bulk } = settings;
    if (form !== undefined && json !== undefined) {
      context.addIssue({ code: 'custom', path: ['form'], message: 'give form or json, not both' });
    }
    if (method === 'GET' && (form !== undefined || json !== undefined)) {
      const path = [form === undefined ? 'json' : 'form'];
      context.addIssue({ code: 'custom', path, message: 'a GET has no body; use query or another method' });
    }
    const allowed = bulk === undefined ? PLACEHOLDERS : BULK_PLACEHOLDERS;
    let recipients = false;
    for (const part of ['url', 'headers', 'query', 'form', 'json'] as const) {
      for (const name of placeholdersIn(settings[part])) {
        if (name === 'identity' || name === 'identities') recipients = true;
        if (name.startsWith('fields.') || allowed.includes(name)) continue;
        const right = allowed.map((each) => `{${each}}`).join(' ');
        context.addIssue({
          code: 'custom',
          path: [part],
          message: `{${name}} is not known${bulk === undefined ? '' : ' in bulk'}; there are ${right} {fields.x}`,
        });
      }
    }
    if (!recipients) {
      const name = bulk === undefined ? '{identity}' : '{identities}';
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: `${name} appears nowhere: who would get it?`,
      });
    }
  });

export type HttpSettings = z.output<typeof httpSettingsSchema>;
export type HttpSettingsInput = z.input<typeof httpSettingsSchema>;
