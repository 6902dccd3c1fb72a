/** Arguments that several commands take. */
import { normaliseUuid } from '../domain/reference.ts';
import { UsageError } from './context.ts';

export function patientOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const uuid = normaliseUuid(text);
  if (uuid === null)
    throw new UsageError('--patient wants the UUID of a patient, such as 123e4567-e89b-42d3-a456-426614174000.');
  return uuid;
}

/** @param most larger wishes are cut */
export function countOf(option: string, text: string, most: number): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${option} wants a number from 1 to ${most}.`);
  return Math.min(most, Number(text));
}
