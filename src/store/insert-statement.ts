/**
 * Writes rows as one `INSERT … SELECT … FROM unnest(…)`: one array per column, so PostgreSQL
 * parses and plans one statement however many rows there are.
 */
import type { Column, ColumnType, TableColumns } from './create-many-columns.ts';
import { Prisma } from './generated/client.ts';

export interface Statement {
  text: string;
  values: (string | null)[];
}

/** Not a value this file knows how to write; Prisma shall decide what it is. */
class Unusual extends Error {}

const STATUSES = new Set<unknown>(['Q', 'P', 'R', 'S', 'D', 'E']);
const DIRECTIONS = new Set<unknown>(['I', 'O']);
const ISO_DATE_TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const MAX_DATE = Date.UTC(9999, 11, 31);
const MIN_DATE = Date.UTC(1000, 0, 1);

/** A value as PostgreSQL reads it, null for SQL's NULL. */
type Encode = (value: unknown) => string | null;

const ENCODERS: Record<ColumnType, Encode> = {
  uuid: encodeText,
  text: encodeText,
  smallint: encodeInteger,
  int: encodeInteger,
  bigint: (value) => (typeof value === 'bigint' ? value.toString() : encodeInteger(value)),
  timestamptz: encodeDate,
  jsonb: encodeJson,
  status: (value) => (STATUSES.has(value) ? (value as string) : unusual()),
  direction: (value) => (DIRECTIONS.has(value) ? (value as string) : unusual()),
};

/** Types whose text never needs quotes inside an array. */
const PLAIN = new Set<ColumnType>(['smallint', 'int', 'bigint', 'timestamptz', 'status', 'direction']);

function unusual(): never {
  throw new Unusual();
}

function encodeText(value: unknown): string {
  return typeof value === 'string' ? value : unusual();
}

function encodeInteger(value: unknown): string {
  return Number.isSafeInteger(value) ? String(value) : unusual();
}

function encodeDate(value: unknown): string {
  const date = typeof value === 'string' ? parseDate(value) : value;
  if (!(date instanceof Date)) unusual();
  const time = date.getTime();
  return time >= MIN_DATE && time <= MAX_DATE ? date.toISOString() : unusual();
}

/** JavaScript takes the 30th of February for the 2nd of March; Prisma refuses it. */
function parseDate(text: string): Date {
  const day = ISO_DATE_TIME.exec(text)?.[1] ?? unusual();
  const start = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(start.getTime()) || !start.toISOString().startsWith(day)) unusual();
  return new Date(text);
}

function encodeJson(value: unknown): string | null {
  if (value === Prisma.DbNull) return null;
  if (value === Prisma.JsonNull) return 'null';
  if (!isPlainJson(value)) unusual();
  return JSON.stringify(value);
}

/** True if JSON.stringify writes what Prisma would. */
function isPlainJson(value: unknown): boolean {
  if (value === null) return true;
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return true;
    case 'object':
      break;
    default:
      return false;
  }
  if ('toJSON' in value) return value instanceof Date && !Number.isNaN(value.getTime());
  if (Array.isArray(value)) return value.every(isPlainJson);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((inner) => inner === undefined || isPlainJson(inner));
}

/** The values of one column, in the order of the rows; undefined where a row does not say. */
interface Gathered {
  column: Column;
  encode: Encode;
  values: (string | null | undefined)[];
  given: number;
  constant: boolean;
}

/**
 * The statement for these rows, or undefined if there is anything in them that Prisma itself
 * should look at: an unknown field, a missing or wrong value, a type of value not expected here.
 * @param skipDuplicates leave out rows that break a unique constraint
 */
export function insertStatement(
  { table, columns }: TableColumns,
  rows: readonly object[],
  skipDuplicates: boolean,
): Statement | undefined {
  let gathered: Gathered[];
  try {
    gathered = gather(columns, rows);
  } catch (error) {
    if (error instanceof Unusual) return undefined;
    throw error;
  }
  const names: string[] = [];
  const expressions: string[] = [];
  const arrays: string[] = [];
  const aliases: string[] = [];
  const values: (string | null)[] = [];
  for (const { column, values: cells, given, constant } of gathered) {
    names.push(`"${column.name}"`);
    if (constant && given === rows.length && arrays.length > 0) {
      values.push(cells[0] ?? null);
      expressions.push(`$${values.length}::${column.type}`);
      continue;
    }
    values.push(arrayLiteral(cells, column.type));
    arrays.push(`$${values.length}::${column.type}[]`);
    const alias = `c${arrays.length}`;
    aliases.push(alias);
    // A column with a default takes no null, so null stands for "not given" there.
    const hasHoles = given < rows.length && column.fallback !== null;
    expressions.push(hasHoles ? `COALESCE(${alias}, ${column.fallback})` : alias);
  }
  const conflict = skipDuplicates ? ' ON CONFLICT DO NOTHING' : '';
  return {
    text: `INSERT INTO "${table}" (${names.join(', ')}) SELECT ${expressions.join(', ')} FROM unnest(${arrays.join(', ')}) AS given(${aliases.join(', ')})${conflict}`,
    values,
  };
}

function gather(columns: Readonly<Record<string, Column>>, rows: readonly object[]): Gathered[] {
  const byField = new Map<string, Gathered>();
  for (const [field, column] of Object.entries(columns)) {
    const encode = ENCODERS[column.type];
    byField.set(field, { column, encode, values: [], given: 0, constant: true });
  }
  for (const [index, row] of rows.entries()) {
    if (row === null || typeof row !== 'object') unusual();
    for (const field of Object.keys(row)) {
      const cell = byField.get(field) ?? unusual();
      const value = (row as Record<string, unknown>)[field];
      if (value === undefined) continue;
      add(cell, index, value);
    }
  }
  const gathered = [...byField.values()];
  for (const { column, given } of gathered) {
    if (column.fallback === 'required' && given < rows.length) unusual();
  }
  return gathered.filter(({ given }) => given > 0);
}

function add(cell: Gathered, index: number, value: unknown): void {
  const { column, values } = cell;
  let encoded: string | null;
  // Where the column is JSON, null means JSON's null.
  if (value !== null || column.type === 'jsonb') encoded = cell.encode(value);
  else encoded = column.fallback === null ? null : unusual();
  while (values.length < index) values.push(undefined);
  values.push(encoded);
  cell.given += 1;
  if (cell.constant && encoded !== values[0]) cell.constant = false;
}

function arrayLiteral(cells: readonly (string | null | undefined)[], type: ColumnType): string {
  const plain = PLAIN.has(type);
  let literal = '';
  for (const cell of cells) {
    const text = cell === null || cell === undefined ? 'NULL' : plain ? cell : quoted(cell);
    literal += literal === '' ? text : `,${text}`;
  }
  return `{${literal}}`;
}

function quoted(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
