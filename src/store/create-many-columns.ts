/**
 * The columns that create-many.ts writes. Prisma's client does not say at run time what is
 * required, what has a default and which PostgreSQL type it is, so it is said here; a test holds
 * it against the database and the generated client.
 */

export type ColumnType =
  | 'uuid'
  | 'text'
  | 'smallint'
  | 'int'
  | 'bigint'
  | 'timestamptz'
  | 'jsonb'
  | 'status'
  | 'direction';

export interface Column {
  /** Name in the database. */
  readonly name: string;
  readonly type: ColumnType;
  /** What a row has that does not say: an SQL expression, or null where null is allowed. */
  readonly fallback: string | null | 'required';
}

export interface TableColumns {
  readonly table: string;
  /** By the names Prisma uses. */
  readonly columns: Readonly<Record<string, Column>>;
}

const required = (name: string, type: ColumnType): Column => ({ name, type, fallback: 'required' });
const nullable = (name: string, type: ColumnType): Column => ({ name, type, fallback: null });
const defaulted = (name: string, type: ColumnType, fallback: string): Column => ({ name, type, fallback });

export const MESSAGE: TableColumns = {
  table: 'messages',
  columns: {
    id: required('id', 'uuid'),
    status: defaulted('status', 'status', `'Q'::status`),
    direction: required('direction', 'direction'),
    date: defaulted('date', 'timestamptz', 'CURRENT_TIMESTAMP'),
    updated: defaulted('updated', 'timestamptz', 'CURRENT_TIMESTAMP'),
    sent: nullable('sent', 'timestamptz'),
    delivered: nullable('delivered', 'timestamptz'),
    text: required('text', 'text'),
    backendId: nullable('backend_id', 'int'),
    externalId: nullable('external_id', 'text'),
    inResponseToId: nullable('in_response_to_id', 'uuid'),
    idempotencyKey: nullable('idempotency_key', 'text'),
    priority: defaulted('priority', 'smallint', '0'),
    sendAt: nullable('send_at', 'timestamptz'),
    validUntil: nullable('valid_until', 'timestamptz'),
    recipients: defaulted('recipients', 'int', '1'),
    sentCount: defaulted('sent_count', 'int', '0'),
    deliveredCount: defaulted('delivered_count', 'int', '0'),
    erroredCount: defaulted('errored_count', 'int', '0'),
    error: nullable('error', 'text'),
    fields: nullable('fields', 'jsonb'),
  },
};

export const TRANSMISSION: TableColumns = {
  table: 'transmissions',
  columns: {
    id: required('id', 'uuid'),
    messageId: required('message_id', 'uuid'),
    connectionId: required('connection_id', 'bigint'),
    backendId: required('backend_id', 'int'),
    status: defaulted('status', 'status', `'Q'::status`),
    date: defaulted('date', 'timestamptz', 'CURRENT_TIMESTAMP'),
    updated: defaulted('updated', 'timestamptz', 'CURRENT_TIMESTAMP'),
    sent: nullable('sent', 'timestamptz'),
    delivered: nullable('delivered', 'timestamptz'),
    externalId: nullable('external_id', 'text'),
    errorCode: nullable('error_code', 'text'),
    errorMessage: nullable('error_message', 'text'),
    attempts: defaulted('attempts', 'smallint', '0'),
    segments: nullable('segments', 'smallint'),
    retryAt: nullable('retry_at', 'timestamptz'),
    deadAt: nullable('dead_at', 'timestamptz'),
    claimToken: nullable('claim_token', 'uuid'),
    leaseUntil: nullable('lease_until', 'timestamptz'),
    text: nullable('text', 'text'),
  },
};

export const ASSIGNMENT_MESSAGE_STATUS: TableColumns = {
  table: 'assignment_messages_status',
  columns: {
    messageSid: required('message_sid', 'text'),
    assignmentMessageId: nullable('assignment_message_id', 'bigint'),
    assignmentId: nullable('assignment_id', 'bigint'),
    contactId: nullable('contact_id', 'bigint'),
    servicePhone: nullable('service_phone', 'text'),
    status: nullable('status', 'status'),
    providerStatus: nullable('provider_status', 'text'),
    errorCode: nullable('error_code', 'text'),
    date: defaulted('date', 'timestamptz', 'CURRENT_TIMESTAMP'),
    updated: defaulted('updated', 'timestamptz', 'CURRENT_TIMESTAMP'),
    sent: nullable('sent', 'timestamptz'),
    raw: nullable('raw', 'jsonb'),
  },
};
