/** The public API of Textyard; everything else is internal. */
export * from './apps/index.ts';
export type {
  Backend,
  BackendHooks,
  BackendLog,
  Batch,
  InboundReceipt,
  InboundText,
  OutboundContext,
  OutboundTransmission,
  SendResult,
} from './backends/backend.ts';
export { perMessageBackend } from './backends/per-message.ts';
export { type BackendPolicy, backendPolicySchema } from './backends/policy.ts';
export { type Config, defineConfig, type Settings } from './config/settings.ts';
export {
  type ErrorClass,
  errorClassOf,
  SEND_ERRORS,
  SendError,
  type SendErrorCode,
  TextyardError,
} from './errors.ts';
export {
  migrateDatabase,
  type OpenOptions,
  openTextyard,
  type Textyard,
  VERSION,
  type WorkerShare,
} from './main.ts';
export type { App } from './router/app.ts';
export type { AppServices, InboundHistory, SuppressionList } from './router/app-services.ts';
export type { ReceiveOptions } from './router/inbox.ts';
export { type ConnectionRef, IncomingMessage, OutgoingMessage, type ReplyOptions } from './router/message.ts';
export type { Recipient, RecipientProblem, Recipients } from './router/recipients.ts';
export type { Redriven } from './router/redrive.ts';
export type { Router } from './router/router.ts';
export type { SendOptions, SendReport } from './router/send.ts';
export { normalizeNumber } from './sms/numbers.ts';
export { segmentsOf } from './sms/segments.ts';
export { outboundStatus, STATUS_NAMES, type Status } from './sms/status.ts';
export type { DeadFilter } from './store/dead-letters.ts';
