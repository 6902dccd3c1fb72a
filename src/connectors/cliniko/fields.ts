/** Fields of a Cliniko record, read strictly. Absent, null and "" are the same: nothing. */
import { changed, isObject, type Json } from './answer.ts';

/** An id: digits, as text or (in old answers) as a number. */
export function idOf(record: Json, list: string): string {
  const { id } = record;
  const text = typeof id === 'number' ? String(id) : id;
  if (typeof text !== 'string' || !/^\d{1,30}$/.test(text)) throw changed(`An entry of ${list} has no id.`);
  return text;
}

export function textOf(record: Json, field: string): string | null {
  const value = record[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') throw changed(`The field ${field} is not a text.`);
  // PostgreSQL keeps neither a NUL nor half a character.
  const clean = value.includes('\0') || !value.isWellFormed() ? value.replaceAll('\0', '').toWellFormed() : value;
  return clean.trim() === '' ? null : clean;
}

const FIRST_YEAR = Date.parse('0001-01-02T00:00:00Z');
const MAX_INTEGER = 2 ** 31 - 1;

/** Whole seconds in UTC of a day that every month has. */
const PLAIN_INSTANT = /^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

/** ISO in UTC with milliseconds. */
export function instantOf(record: Json, field: string): string | null {
  const value = textOf(record, field);
  if (value === null) return null;
  // As Cliniko writes it: most of what is read are instants.
  if (value.length === 20 && PLAIN_INSTANT.test(value)) return `${value.slice(0, 19)}.000Z`;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at) || at < FIRST_YEAR || !/(Z|[+-]\d\d:?\d\d)$/.test(value))
    throw changed(`The field ${field} is not an instant.`);
  return new Date(at).toISOString();
}

/** `YYYY-MM-DD`; a date that does not exist is nothing. */
export function dateOf(record: Json, field: string): string | null {
  const value = textOf(record, field);
  if (value === null || !/^\d{4}-\d\d-\d\d$/.test(value)) return null;
  const at = Date.parse(`${value}T00:00:00Z`);
  // PostgreSQL knows no year 0.
  return Number.isNaN(at) || at < FIRST_YEAR || !new Date(at).toISOString().startsWith(value) ? null : value;
}

export function flagOf(record: Json, field: string): boolean | null {
  const value = record[field];
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'boolean') throw changed(`The field ${field} is neither true nor false.`);
  return value;
}

export function integerOf(record: Json, field: string): number | null {
  const value = record[field];
  if (value === undefined || value === null || value === '') return null;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw changed(`The field ${field} is not an integer.`);
  // What no column holds is no number that anybody meant.
  return Math.abs(number) > MAX_INTEGER ? null : number;
}

/** The id at the end of a link; null when there is no link. */
export function linkOf(record: Json, field: string): string | null {
  const value = record[field];
  if (value === undefined || value === null || value === '') return null;
  const self = isObject(value) && isObject(value.links) ? value.links.self : undefined;
  if (self === undefined || self === null || self === '') return null;
  if (typeof self !== 'string') throw changed(`The link ${field} is not a text.`);
  const path = self.split('?', 1)[0] ?? '';
  const id = path.slice(path.lastIndexOf('/') + 1);
  if (!/^\d{1,30}$/.test(id)) throw changed(`The link ${field} does not end in an id.`);
  return id;
}
