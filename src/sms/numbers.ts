import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  isSupportedCountry,
  Metadata,
  type NumberType,
  ParseError,
  type PhoneNumber,
  parsePhoneNumberWithError,
} from 'libphonenumber-js/max';

export type NormalizedNumber =
  | {
      readonly ok: true;
      /** `+`, country code, national number: at most 15 digits (ITU-T E.164). */
      readonly e164: string;
      /** What the range is used for; undefined when it is not in the numbering plan we know. */
      readonly type: NumberType;
      /** True only where the plan keeps fixed and mobile lines apart and this is a fixed one. */
      readonly landline: boolean;
    }
  | { readonly ok: false; readonly problem: string };

export interface NumberOptions {
  /** ISO 3166 country of numbers written without country code, such as `US`; without it they are rejected. */
  readonly defaultCountry?: string | undefined;
}

const E164 = /^\+[1-9]\d{6,14}$/;
/** No number is written with more characters; also bounds the work of the expressions below. */
const LONGEST_INPUT = 100;
/** Zero-width characters, soft hyphens and direction marks, as copied from contact lists and web pages. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const DASHES = /[\u2010-\u2015\u2212\u2043\u30fc\uff0d\ufe58\ufe63]/g;
const AROUND = /^[\s'"`=<]+|[\s'"`>;,.:]+$/g;
const EXTENSION = /(?:;?\s*ext(?:ension|n)?\b\.?[\s:=]*|\s*x\.?\s*|\s*#\s*)\d{1,9}$/i;
const SPREADSHEET = /^\+?\d(?:[.,]\d+)?e\+?\d+$/i;
const SEVERAL = /\d{7,}[,;/|&]\+?\d{7,}/;

/**
 * Turns what people type or paste into E.164. Understands spaces (also non-breaking), dots, dashes
 * and brackets of all kinds, full-width and Arabic digits, `00` for `+`, `tel:`, `(0)`, quotes and
 * punctuation around the number.
 *
 * A number passes when it is possible: the right length for its country, and of that country's
 * general form. It need not be in a range known to be assigned, for two reasons: plans gain
 * ranges faster than programs are updated, and a number wrongly refused is worse than one the
 * provider refuses; and ranges kept for fiction and tests (+44 7700 900xxx, +1 555) are unassigned.
 * `type` tells the difference: it is undefined for an unassigned range.
 *
 * @returns the number, or one line that says what is wrong and what would be right
 * @throws RangeError when `defaultCountry` is not a country libphonenumber knows
 */
export function normalizeNumber(input: string, options: NumberOptions = {}): NormalizedNumber {
  const { defaultCountry } = options;
  if (defaultCountry !== undefined && !isSupportedCountry(defaultCountry)) {
    throw new RangeError(`"${defaultCountry}" is not a two-letter country code such as "US".`);
  }
  if (E164.test(input)) return judge(input, undefined, input);

  const shown = shorten(input.slice(0, 200));
  if (input.length > LONGEST_INPUT) {
    return { ok: false, problem: `${shown} is too long: ${input.length} characters; give one number.` };
  }
  const cleaned = clean(input);
  const fault = faultOf(cleaned, shown);
  if (fault !== undefined) return { ok: false, problem: fault };

  let digits = cleaned.replace(/[^\d+]/g, '');
  // 00 is the ITU's prefix for calls abroad; no national number begins with it.
  if (digits.startsWith('00')) digits = `+${digits.slice(2)}`;
  if (!digits.startsWith('+') && defaultCountry === undefined) {
    const right = 'write it as +44 7700 900123, or set defaultCountry';
    return { ok: false, problem: `${shown} has no country code; ${right}.` };
  }
  return judge(digits, defaultCountry, shown);
}

/**
 * Whether this is a number that `normalizeNumber` would give back as it is, told without parsing it:
 * ten times faster, for lists that come from a database. False means only that it has to be asked.
 */
export function isNormalizedNumber(input: string): boolean {
  if (!E164.test(input)) return false;
  for (let digits = 1; digits <= 3; digits++) {
    const plan = plansByCode().get(input.slice(1, 1 + digits));
    if (!plan) continue;
    const national = input.slice(1 + digits);
    // What looks like a national prefix would be cut off by the parser.
    return (
      plan.lengths.has(national.length) &&
      !plan.prefixes.some((prefix) => prefix.test(national)) &&
      plan.forms.some((form) => form.test(national))
    );
  }
  return false;
}

/** What the general plans behind one country calling code say of national numbers. */
interface CodePlan {
  readonly lengths: ReadonlySet<number>;
  readonly forms: RegExp[];
  /** What a national number written for calls within the country may begin with. */
  readonly prefixes: RegExp[];
}

let codePlans: Map<string, CodePlan> | undefined;

function plansByCode(): Map<string, CodePlan> {
  codePlans ??= new Map(
    [...new Set(getCountries().map((country) => getCountryCallingCode(country) as string))].map((code) => [
      code,
      { lengths: lengthsOf(code), forms: formsOf(code), prefixes: prefixesOf(code) },
    ]),
  );
  return codePlans;
}

function lengthsOf(callingCode: string): Set<number> {
  const plan = metadata();
  plan.selectNumberingPlan(callingCode as unknown as CountryCode);
  return new Set(plan.numberingPlan?.possibleLengths());
}

function prefixesOf(callingCode: string): RegExp[] {
  const plan = metadata();
  return getCountries()
    .filter((country) => getCountryCallingCode(country) === callingCode)
    .flatMap((country) => {
      plan.selectNumberingPlan(country);
      // The method is there, but missing from the library's types.
      const { numberingPlan } = plan as unknown as {
        numberingPlan: { nationalPrefixForParsing(): string | undefined };
      };
      const prefix = numberingPlan.nationalPrefixForParsing();
      return prefix === undefined ? [] : [new RegExp(`^(?:${prefix})`)];
    });
}

function clean(input: string): string {
  return input
    .replace(INVISIBLE, '')
    .normalize('NFKC')
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
    .replace(DASHES, '-')
    .replace(AROUND, '')
    .replace(/^(?:tel|sms):/i, '')
    .replace(/^\s+|\s+$/g, '');
}

/** What makes it no single phone number, whatever its digits. */
function faultOf(cleaned: string, shown: string): string | undefined {
  if (cleaned === '') return 'The number is empty; expected one such as +12025550123.';
  if (SPREADSHEET.test(cleaned)) {
    return `${shown} is a number as a spreadsheet rounds it; format the column as text and export it again.`;
  }
  if (EXTENSION.test(cleaned)) {
    return `${shown} has an extension; texts cannot be sent to one: give the number alone.`;
  }
  if (SEVERAL.test(cleaned.replace(/[\s().-]/g, ''))) return `${shown} looks like several numbers; give one.`;
  const letters = /\p{L}+/u.exec(cleaned);
  if (letters !== null) {
    return `${shown} contains letters ("${shorten(letters[0], false)}"); give digits, as in +12025550123.`;
  }
  const foreign = /[^\d\s+()[\]{}./\\~_-]/u.exec(cleaned);
  if (foreign !== null) {
    return `${shown} contains "${foreign[0]}"; expected digits, as in +12025550123.`;
  }
  if (!/\d/.test(cleaned)) return `${shown} has no digits; expected a number such as +12025550123.`;
  if (/\d.*\+|\+.*\+/.test(cleaned)) return `${shown} has a "+" in the wrong place; it may only come first.`;
  return undefined;
}

function judge(digits: string, defaultCountry: CountryCode | undefined, shown: string): NormalizedNumber {
  let number: PhoneNumber;
  try {
    number = parsePhoneNumberWithError(digits, { defaultCountry, extract: false });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { ok: false, problem: parseProblem(error.message, digits, shown) };
  }
  const type = number.getType();
  if (type === undefined && !isPossible(number)) {
    return { ok: false, problem: impossibleProblem(number, shown) };
  }
  return { ok: true, e164: number.number, type, landline: type === 'FIXED_LINE' };
}

function parseProblem(reason: string, digits: string, shown: string): string {
  const count = digits.replace('+', '').length;
  switch (reason) {
    case 'TOO_LONG':
      return `${shown} is too long: ${count} digits; a phone number has at most 15 with its country code.`;
    case 'TOO_SHORT':
      return `${shown} is too short: ${count} digits; expected a whole number such as +12025550123.`;
    case 'INVALID_COUNTRY':
      return `${shown} does not begin with the code of a country; expected one such as +12025550123.`;
    default:
      return `${shown} is not a phone number; expected one such as +12025550123.`;
  }
}

function impossibleProblem(number: PhoneNumber, shown: string): string {
  const country = number.country === undefined ? '' : ` in ${number.country}`;
  const plan = metadata();
  plan.selectNumberingPlan(number.countryCallingCode as unknown as CountryCode);
  const lengths = plan.numberingPlan?.possibleLengths() ?? [];
  const has = number.nationalNumber.length;
  const code = `+${number.countryCallingCode}`;
  if (lengths.length > 0 && !lengths.includes(has)) {
    const fault =
      has < Math.min(...lengths) ? 'too short' : has > Math.max(...lengths) ? 'too long' : 'incomplete';
    return `${shown} is ${fault}: ${has} digits after ${code}; numbers${country} have ${spanOf(lengths)}.`;
  }
  return `${shown} cannot be a number${country}: none after ${code} begins like this; check its first digits.`;
}

function spanOf(lengths: number[]): string {
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  return least === most ? String(least) : `${least} to ${most}`;
}

/** General forms of national numbers by country calling code; one code may serve many countries. */
const generalForms = new Map<string, RegExp[]>();

function isPossible(number: PhoneNumber): boolean {
  if (!number.isPossible()) return false;
  const forms = formsOf(number.countryCallingCode);
  // Codes without a country (satellite, international networks) have no form of their own here.
  return forms.length === 0 || forms.some((form) => form.test(number.nationalNumber));
}

function formsOf(callingCode: string): RegExp[] {
  const known = generalForms.get(callingCode);
  if (known !== undefined) return known;
  const plan = metadata();
  const forms = getCountries()
    .filter((country) => getCountryCallingCode(country) === callingCode)
    .map((country) => {
      plan.selectNumberingPlan(country);
      // The method is there, but missing from the library's types.
      const form = plan.numberingPlan as unknown as { nationalNumberPattern(): string };
      return new RegExp(`^(?:${form.nationalNumberPattern()})$`);
    });
  generalForms.set(callingCode, forms);
  return forms;
}

let plans: Metadata | undefined;

function metadata(): Metadata {
  plans ??= new Metadata();
  return plans;
}

function shorten(input: string, quoted = true): string {
  const oneLine = input.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  const short = oneLine.length > 40 ? `${oneLine.slice(0, 40)}…` : oneLine;
  return quoted ? `"${short}"` : short;
}
