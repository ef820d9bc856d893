/** A phone on a line, by the names of both. `connection.id` is there once it is stored. */
export interface ConnectionRef {
  readonly id?: bigint;
  readonly backend: string;
  readonly identity: string;
  readonly contactId?: bigint;
}

export interface ReplyOptions {
  /** Higher goes first; replies default to 10, everything else to 0. */
  priority?: number;
  /** Do not send later than this many seconds from now. */
  validForSeconds?: number;
  /** Handed to the backend in the transmission's context. */
  fields?: Record<string, unknown>;
}

/** A text collected by `respond` or `error`, sent when the phases are through. */
export interface Reply {
  readonly text: string;
  readonly kind: 'response' | 'error';
  readonly options: ReplyOptions;
}

export interface IncomingMessageInit {
  id: string;
  text: string;
  connection: ConnectionRef;
  receivedAt: Date;
  externalId?: string | undefined;
  fields?: Record<string, unknown>;
  duplicate?: boolean;
}

/** An inbound text on its way through the apps. */
export class IncomingMessage {
  /** The id of its row in `messages`. */
  readonly id: string;
  /** Apps may rewrite it for the apps after them; the stored text stays as received. */
  text: string;
  /** The text as it was received. */
  readonly rawText: string;
  readonly connection: ConnectionRef;
  readonly receivedAt: Date;
  /** The provider's id. */
  readonly externalId: string | undefined;
  /** What the gateway gave along, and what apps note for one another. */
  readonly fields: Record<string, unknown>;
  /** From `receive`: it had come before; `id` is that of the first. */
  readonly duplicate: boolean;
  /** Set when an app's `handle` returned true. */
  handled = false;
  /** What will be sent back, in order. */
  readonly replies: Reply[] = [];

  constructor(init: IncomingMessageInit) {
    this.id = init.id;
    this.text = init.text;
    this.rawText = init.text;
    this.connection = init.connection;
    this.receivedAt = init.receivedAt;
    this.externalId = init.externalId;
    this.fields = init.fields ?? {};
    this.duplicate = init.duplicate ?? false;
  }

  /** Answers on the line it came from, after the phases; linked by `in_response_to_id`. */
  respond(text: string, options: ReplyOptions = {}): void {
    this.replies.push({ text, kind: 'response', options });
  }

  /** As `respond`, for telling the person what was wrong with their text. */
  error(text: string, options: ReplyOptions = {}): void {
    this.replies.push({ text, kind: 'error', options });
  }
}

export interface OutgoingMessageInit {
  id: string;
  text: string;
  /** Empty for a stream of recipients, which is never held in memory. */
  connections: readonly ConnectionRef[];
  inResponseTo?: IncomingMessage | undefined;
  fields?: Record<string, unknown>;
}

/** An outbound text on its way through the apps' `outgoing` phase. */
export class OutgoingMessage {
  readonly id: string;
  text: string;
  readonly connections: readonly ConnectionRef[];
  readonly inResponseTo: IncomingMessage | undefined;
  readonly fields: Record<string, unknown>;

  constructor(init: OutgoingMessageInit) {
    this.id = init.id;
    this.text = init.text;
    this.connections = init.connections;
    this.inResponseTo = init.inResponseTo;
    this.fields = init.fields ?? {};
  }
}
