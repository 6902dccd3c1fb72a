/**
 * Answers of Cliniko as values of known shape. What is not understood is an error, never an empty list.
 */
import { SyncError } from '../../domain/errors.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface ListAnswer {
  readonly records: readonly Json[];
  readonly total: number;
  /** Checked: the same list on the same host. */
  readonly next: string | null;
}

/** An integer beyond what a number holds keeps its digits as text. */
export function parseJson(text: string): unknown {
  // Ids are texts; only where they come as numbers does the slower way matter.
  if (!/"id":\s*\d/.test(text)) return JSON.parse(text);
  const exact = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? (context?.source ?? value)
      : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

/** @throws SyncError `source_contract_changed` */
export function listOf(answer: unknown, key: string, url: URL): ListAnswer {
  if (!isObject(answer)) throw changed(`The list ${key} is not an object.`);
  const records = answer[key];
  if (!Array.isArray(records)) throw changed(`The answer has no list "${key}".`);
  const total = answer.total_entries;
  if (typeof total !== 'number' || !Number.isInteger(total) || total < 0) {
    throw changed(`The list ${key} does not say how many entries it has.`);
  }
  if (!records.every(isObject)) throw changed(`An entry of ${key} is not an object.`);
  return { records, total, next: nextOf(answer.links, key, url) };
}

function nextOf(links: unknown, key: string, url: URL): string | null {
  if (links === undefined || links === null) return null;
  if (!isObject(links)) throw changed(`The links of the list ${key} are not an object.`);
  const { next } = links;
  if (next === undefined || next === null || next === '') return null;
  const target = typeof next === 'string' ? URL.parse(next) : null;
  // The key goes where this points: only to the same list of the same host.
  if (target === null || target.origin !== url.origin || target.pathname !== url.pathname) {
    throw changed(`The next page of ${key} is said to be at another place.`);
  }
  if (target.username !== '' || target.password !== '') throw changed(`The next page of ${key} names a user.`);
  return target.href;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function changed(detail: string): SyncError {
  return new SyncError('source_contract_changed', { detail });
}
