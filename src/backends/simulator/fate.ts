import type { SendErrorCode } from '../../errors.ts';
import type { Chance } from './chance.ts';
import type { SimulatorSettings } from './settings.ts';

/** How a transmission ends at the operator; anything but the first four is an error code. */
export type Outcome = 'sent' | 'silent' | 'hang' | 'unknown' | SendErrorCode;

export interface Fate {
  readonly outcome: Outcome;
  /** The final receipt, if one ever comes. */
  readonly receipt: 'delivered' | 'undelivered' | 'none';
  /** What the phone answers, if it does. */
  readonly reply: string | undefined;
}

/** Whether the operator has the message: it may be delivered, and will be charged. */
export function isTaken(outcome: Outcome): outcome is 'sent' | 'silent' | 'hang' | 'unknown' {
  return outcome === 'sent' || outcome === 'silent' || outcome === 'hang' || outcome === 'unknown';
}

const SENT: Fate = { outcome: 'sent', receipt: 'none', reply: undefined };

/** Turns the settings into a function that tells the fate of one attempt on one number. */
export function fateTeller(
  settings: SimulatorSettings,
  chance: Chance,
): (identity: string, attempt: number) => Fate {
  const bounds = outcomeBounds(settings);
  const forced = settings.numbers.map((rule) => ({ ...rule, match: new RegExp(rule.match) }));
  const { deliveredShare, undeliveredShare } = settings.receipts;
  const { share: replyShare, texts } = settings.replies;
  const alwaysSent =
    bounds.length === 0 && forced.length === 0 && deliveredShare + undeliveredShare + replyShare === 0;
  if (alwaysSent) return () => SENT;

  return (identity, attempt) => {
    const rule = forced.find((each) => each.match.test(identity));
    const ruled = rule !== undefined && (rule.attempts === undefined || attempt <= rule.attempts);
    const outcome = ruled ? rule.outcome : draw(bounds, chance('fate', identity, attempt));
    return {
      outcome,
      receipt: rule?.receipt ?? drawReceipt(chance('receipt', identity, attempt)),
      // Whether somebody answers is a habit of the phone, so the attempt plays no part in it.
      reply:
        rule?.reply ?? (chance('replies', identity, 0) < replyShare ? text(identity, attempt) : undefined),
    };
  };

  function drawReceipt(random: number): Fate['receipt'] {
    if (random < deliveredShare) return 'delivered';
    return random < deliveredShare + undeliveredShare ? 'undelivered' : 'none';
  }

  function text(identity: string, attempt: number): string {
    return texts[Math.floor(chance('replyText', identity, attempt) * texts.length)] as string;
  }
}

interface Bound {
  readonly outcome: Outcome;
  readonly below: number;
}

function outcomeBounds(settings: SimulatorSettings): Bound[] {
  const shares: [Outcome, number][] = [
    ...(Object.entries(settings.failures) as [SendErrorCode, number][]),
    ['silent', settings.silentShare],
    ['hang', settings.hangShare],
    ['unknown', settings.unknownShare],
  ];
  let below = 0;
  return shares
    .filter(([, share]) => share > 0)
    .map(([outcome, share]) => {
      below += share;
      return { outcome, below };
    });
}

function draw(bounds: readonly Bound[], random: number): Outcome {
  return bounds.find((bound) => random < bound.below)?.outcome ?? 'sent';
}
