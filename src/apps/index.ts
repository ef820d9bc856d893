/** The apps that come with Textyard. */
export { type DefaultAnswer, defaultResponder } from './default-responder.ts';
export { echo, ping } from './echo.ts';
export { type KeywordHandlerOptions, keywordHandler } from './keyword.ts';
export { type LoopGuardOptions, loopGuard } from './loop-guard.ts';
export { OPT_OUT_WORDS, type OptOutOptions, optOut } from './opt-out.ts';
export { type PatternHandlerOptions, patternHandler } from './pattern.ts';
export { type TestPhone, type TestPhoneAnswer, type TestPhoneOptions, testPhone } from './test-phone.ts';
