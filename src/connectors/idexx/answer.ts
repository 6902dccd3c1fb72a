/** JSON of the portal as values of known shape. */
import { SyncError } from '../../domain/errors.ts';

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns null when it is missing or blank. @throws SyncError `source_contract_changed` when it is no text */
export function optionalText(row: Json, field: string): string | null {
  const value = row[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') {
    throw new SyncError('source_contract_changed', { action: 'fail', detail: `The field ${field} is no text.` });
  }
  // PostgreSQL stores no NUL.
  const text = value.replaceAll('\0', '').trim();
  return text === '' ? null : text.slice(0, 500);
}

/** A form that asks for a password, wherever it appears, means that nobody is logged in. */
export function isLoginPage(html: string): boolean {
  return /<input\b[^>]*\btype\s*=\s*["']?password\b/i.test(html);
}
