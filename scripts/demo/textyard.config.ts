import {
  defaultResponder,
  defineConfig,
  echo,
  loopGuard,
  optOut,
  patternHandler,
  ping,
} from '../../src/index.ts';

/**
 * The demo: two operators that behave as operators do. They answer late, fail now and then, report
 * delivery in any order and sometimes twice or never; and some people answer.
 */
export default defineConfig({
  backends: {
    // Quick and talkative; its receipts carry our ids.
    'north-america': {
      type: 'simulator',
      seed: 1,
      defaultCountry: 'US',
      segmentsPerSecond: 1_500,
      retry: { attempts: 4, baseSeconds: 0.5, maxSeconds: 3 },
      latencyMs: { mean: 60, spread: 40 },
      failures: {
        provider_error: 0.03,
        network_unreachable: 0.01,
        invalid_number: 0.01,
        unreachable_handset: 0.02,
        content_rejected: 0.003,
      },
      silentShare: 0.01,
      receipts: {
        deliveredShare: 0.95,
        undeliveredShare: 0.04,
        intermediate: true,
        delayMs: { mean: 1_200, spread: 1_100 },
        duplicates: 0.03,
        shuffled: true,
      },
      replies: {
        share: 0.12,
        texts: ['YES', 'Yes please', 'NO', 'STOP', 'ping', 'ECHO is anybody there?', 'HELP', 'Who is this?'],
        delayMs: { mean: 1_500, spread: 1_200 },
      },
    },
    // Slower; it knows messages by its own ids only, and does not always say whether it took one.
    europe: {
      type: 'simulator',
      seed: 2,
      segmentsPerSecond: 900,
      onUnknown: 'hold',
      retry: { attempts: 4, baseSeconds: 0.5, maxSeconds: 3 },
      latencyMs: { mean: 150, spread: 120 },
      // Texts to landlines are refused.
      numbers: [{ match: '^\\+(441[1-9]|4930|331)', outcome: 'landline' }],
      failures: { provider_unavailable: 0.03, queue_full: 0.02, unroutable: 0.01, opted_out: 0.005 },
      silentShare: 0.02,
      unknownShare: 0.002,
      receipts: {
        deliveredShare: 0.9,
        undeliveredShare: 0.05,
        delayMs: { mean: 1_800, spread: 1_700 },
        duplicates: 0.05,
        shuffled: true,
        by: 'external',
      },
      replies: {
        share: 0.1,
        texts: ['YES', 'no', 'Stop', 'ping', 'Merci !', 'À quelle heure ?'],
        delayMs: { mean: 1_500, spread: 1_200 },
      },
    },
  },
  apps: [
    loopGuard(),
    optOut(),
    patternHandler({
      name: 'answers',
      pattern: /\s*(yes|no)\b.*/,
      handle: (message, answer) =>
        message.respond(
          answer?.toLowerCase() === 'yes' ? 'Good, see you on Saturday!' : 'Maybe another time, then.',
        ),
    }),
    ping(),
    echo({ keyword: 'ECHO' }),
    defaultResponder('This is the demo of Textyard. Answer YES or NO, or STOP for no more texts.'),
  ],
  worker: { pollSeconds: 0.5 },
  // Any free port, so that the demo runs beside everything else; TEXTYARD_HTTP_PORT sets one.
  http: { port: 0 },
});
