import { z } from 'zod';
import { SEND_ERRORS, type SendErrorCode } from '../../errors.ts';

const share = (what: string) => z.number().min(0).max(1).default(0).describe(what);

/** A random time: evenly spread over mean − spread … mean + spread, never below 0. */
const milliseconds = (what: string) =>
  z
    .strictObject({
      mean: z.number().min(0).max(86_400_000).default(0).describe('Mean, in milliseconds.'),
      spread: z.number().min(0).max(86_400_000).default(0).describe('At most this far from the mean.'),
    })
    .prefault({})
    .describe(what);

const errorCode = z.enum(Object.keys(SEND_ERRORS) as [SendErrorCode, ...SendErrorCode[]]);

const regularExpression = z.string().refine(
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

const forcedFate = z.strictObject({
  match: regularExpression.describe('Regular expression the identity is tested with, e.g. "99$".'),
  outcome: z
    .enum(['sent', 'silent', 'hang', 'unknown', ...(Object.keys(SEND_ERRORS) as SendErrorCode[])])
    .default('sent')
    .describe(
      'sent; silent (sent, never a receipt); hang (no answer); unknown (taken, then the call fails); or an error code.',
    ),
  attempts: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Only the first so many tries end like this; later ones follow the shares.'),
  receipt: z
    .enum(['delivered', 'undelivered', 'none'])
    .optional()
    .describe('What receipt follows when it is sent.'),
  reply: z.string().min(1).optional().describe('What this phone answers.'),
});

/** Settings of the simulated operator. As they come, it accepts everything at once and answers nothing. */
export const simulatorSettingsSchema = z
  .strictObject({
    seed: z
      .number()
      .int()
      .min(0)
      .max(0xffff_ffff)
      .default(1)
      .describe('Same seed, identity and attempt: same fate, in whatever order the calls come.'),
    latencyMs: milliseconds('How long the operator takes to answer for one transmission.'),
    ratePerSecond: z
      .number()
      .positive()
      .optional()
      .describe('Segments a second; above it transmissions fail as `throttled`. Unlimited when left out.'),
    failures: z
      .partialRecord(errorCode, z.number().min(0).max(1))
      .default({})
      .describe('Share of transmissions that fail, by error code: { "invalid_number": 0.01 }.'),
    silentShare: share('Sent, but no receipt ever comes.'),
    hangShare: share('Taken, but the call never answers until it is aborted.'),
    unknownShare: share('Taken, but the call ends with an exception that says nothing about them.'),
    garbageShare: share('Each such transmission makes it also report an id that nobody gave it.'),
    outage: errorCode.optional().describe('Every call fails with this code; see `setOutage`.'),
    numbers: z
      .array(forcedFate)
      .default([])
      .describe('Fates forced by number, as with magic test numbers; the first match counts.'),
    receipts: z
      .strictObject({
        deliveredShare: share('Of what was sent: gets a `delivered` receipt.'),
        undeliveredShare: share('Of what was sent: gets an `undelivered` receipt.'),
        intermediate: z
          .boolean()
          .default(false)
          .describe('Also a `sent` receipt for each, before the final one unless shuffled.'),
        delayMs: milliseconds('From handing over to the receipt.'),
        duplicates: share('Share of receipts that come twice.'),
        shuffled: z.boolean().default(false).describe('Receipts of one phone may overtake each other.'),
        by: z
          .enum(['transmission', 'external'])
          .default('transmission')
          .describe("Whether receipts carry our transmission id or the operator's id."),
      })
      .refine((receipts) => receipts.deliveredShare + receipts.undeliveredShare <= 1, {
        error: 'deliveredShare and undeliveredShare together must be at most 1',
      })
      .prefault({}),
    replies: z
      .strictObject({
        share: share('Share of phones that answer.'),
        texts: z.array(z.string().min(1)).min(1).default(['OK']).describe('One of these is answered.'),
        delayMs: milliseconds('From handing over to the answer.'),
        perPhone: z
          .number()
          .int()
          .min(1)
          .default(1)
          .describe('A phone answers at most this often, so that two auto-repliers come to an end.'),
      })
      .prefault({}),
    ledger: z
      .strictObject({
        keep: z
          .number()
          .int()
          .min(0)
          .default(100_000)
          .describe('Newest entries kept in memory; 0 keeps none (totals are counted all the same).'),
        file: z
          .string()
          .min(1)
          .optional()
          .describe('JSON lines appended before anything is reported; survives kill -9 of the process.'),
      })
      .prefault({}),
    onStop: z
      .enum(['drop', 'flush'])
      .default('drop')
      .describe('What becomes of receipts and replies still due when it stops.'),
  })
  .refine(
    (settings) =>
      Object.values(settings.failures).reduce((sum, each) => sum + each, 0) +
        settings.silentShare +
        settings.hangShare +
        settings.unknownShare <=
      1 + 1e-9,
    { error: 'failures, silentShare, hangShare and unknownShare together must be at most 1' },
  );

export type SimulatorSettings = z.output<typeof simulatorSettingsSchema>;
export type SimulatorSettingsInput = z.input<typeof simulatorSettingsSchema>;
