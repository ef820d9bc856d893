import { TextyardError } from '../errors.ts';

/** Parts of a connection URL that may be shown: everything but the password. */
interface Target {
  where: string;
  database: string;
  user: string;
}

const URL_SHAPE = 'postgresql://user:password@host:5432/database';

/**
 * Checks the shape of a connection URL, which no driver explains well.
 * @throws TextyardError('configuration') without the URL itself, since it may hold a password
 */
export function assertConnectionUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const ok = parsed && /^postgres(ql)?:$/.test(parsed.protocol) && isDecodable(parsed);
  if (!ok) throw malformed();
}

function isDecodable(url: URL): boolean {
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function malformed(cause?: unknown): TextyardError {
  return new TextyardError(
    'configuration',
    `DATABASE_URL is not a PostgreSQL URL: it must look like ${URL_SHAPE} (percent-encode special characters in the password).`,
    { field: 'DATABASE_URL', cause },
  );
}

function targetOf(url: string): Target | undefined {
  try {
    assertConnectionUrl(url);
  } catch {
    return undefined;
  }
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const user = decodeURIComponent(username);
  return {
    where: hostname === '' ? (searchParams.get('host') ?? 'localhost') : `${hostname}:${port || 5432}`,
    database: decodeURIComponent(pathname.slice(1)) || user,
    user,
  };
}

interface DriverError {
  code?: string;
  message?: string;
  errors?: DriverError[];
  meta?: {
    driverAdapterError?: { cause?: { kind?: string; originalCode?: string; originalMessage?: string } };
  };
}

/** Where Prisma's adapter gives a kind only. */
const PRISMA_KINDS: Record<string, string> = {
  DatabaseNotReachable: 'ECONNREFUSED',
  ConnectionClosed: 'ECONNRESET',
  SocketTimeout: 'ETIMEDOUT',
};

/**
 * Turns what a driver throws when it cannot connect into one line that says what to do. Errors of
 * other kinds are returned as they are. The password is never shown.
 * @param url the connection URL that was used
 */
export function describeConnectionError(error: unknown, url: string): Error {
  if (error instanceof TextyardError) return error;
  const target = targetOf(url);
  if (target === undefined) return malformed();
  const { code, message } = innermost(error);
  const line = sentence(code, message, target);
  if (line !== undefined) return new TextyardError(line[0], withoutPassword(line[1], url), { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

/** A dual-stack host gives one error per address; Prisma keeps the driver's words in `meta`. */
function innermost(error: unknown): { code: string; message: string } {
  const { code, message, errors, meta } = (error ?? {}) as DriverError;
  if (errors?.[0]) return innermost(errors[0]);
  const told = meta?.driverAdapterError?.cause;
  return {
    code: told?.originalCode ?? PRISMA_KINDS[told?.kind ?? ''] ?? code ?? '',
    message: told?.originalMessage ?? message ?? String(error),
  };
}

function sentence(
  code: string,
  message: string,
  { where, database, user }: Target,
): ['unavailable' | 'configuration', string] | undefined {
  const check = 'check DATABASE_URL';
  switch (code) {
    case 'ECONNREFUSED':
      return ['unavailable', `Nothing answers at ${where}: start PostgreSQL there, or ${check}.`];
    case 'ENOENT':
    case 'EACCES':
      return ['unavailable', `No PostgreSQL socket at ${where}: start PostgreSQL there, or ${check}.`];
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['unavailable', `The host of ${where} is not known: ${check}, or the name service.`];
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return ['unavailable', `There is no way to ${where}: check the network, or ${check}.`];
    case 'ETIMEDOUT':
      return [
        'unavailable',
        `${where} did not answer in time: check the network and the firewall, or ${check}.`,
      ];
    case 'ECONNRESET':
    case 'EPIPE':
    case '08006':
    case '57P01':
    case '57P02':
      return [
        'unavailable',
        `PostgreSQL at ${where} broke the connection off: look at its log, then try again.`,
      ];
    case '57P03':
      return [
        'unavailable',
        `PostgreSQL at ${where} is starting up or shutting down: try again in a moment.`,
      ];
    case '25006':
      return [
        'unavailable',
        `PostgreSQL at ${where} is a standby and cannot be written to: promote it, or ${check}.`,
      ];
    case '28P01':
      return [
        'configuration',
        `PostgreSQL at ${where} does not accept the password of user "${user}": ${check}.`,
      ];
    case '28000':
      return [
        'configuration',
        `PostgreSQL at ${where} does not let user "${user}" in: ${check}, or pg_hba.conf.`,
      ];
    case '3D000':
      return [
        'configuration',
        `There is no database "${database}" at ${where}: make it with "createdb ${database}", or ${check}.`,
      ];
    case '42501':
      return [
        'configuration',
        `User "${user}" lacks a right in database "${database}": ${oneLine(message)}.`,
      ];
    case '53300':
      return [
        'unavailable',
        `PostgreSQL at ${where} has no connection left: raise its max_connections, or lower the pool sizes.`,
      ];
    case '53100':
      return ['unavailable', `The disk of PostgreSQL at ${where} is full: make room, then try again.`];
  }
  // node-postgres gives these no code.
  if (/timeout expired|timeout exceeded|Query read timeout/i.test(message)) {
    return [
      'unavailable',
      `${where} did not answer in time: check that PostgreSQL is not overloaded, or ${check}.`,
    ];
  }
  if (/Connection terminated|is not queryable/i.test(message)) {
    return [
      'unavailable',
      `PostgreSQL at ${where} broke the connection off: look at its log, then try again.`,
    ];
  }
  if (/does not support SSL|certificate|self.signed|SSL/i.test(message)) {
    return [
      'configuration',
      `No TLS connection to ${where} (${oneLine(message)}): check sslmode in DATABASE_URL.`,
    ];
  }
  if (/password must be a string|no password/i.test(message)) {
    return [
      'configuration',
      `PostgreSQL at ${where} wants a password for user "${user}": put it into DATABASE_URL.`,
    ];
  }
  return undefined;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}

function withoutPassword(text: string, url: string): string {
  const { password } = new URL(url);
  if (password === '') return text;
  return text.replaceAll(password, '***').replaceAll(decodeURIComponent(password), '***');
}
