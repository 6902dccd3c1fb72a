/** Arguments that several commands take. */
import { normaliseUuid } from '../domain/reference.ts';
import type { Chartsync } from '../main.ts';
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

/** The configured organisation of this id, or the only one. */
export function organizationNamed(chartsync: Chartsync, id: string | undefined): string {
  const ids = chartsync.config.organizations.map((organization) => organization.id);
  const list = ids.join(', ');
  if (ids.length === 0)
    throw new UsageError('No organisation is configured. Describe one in chartsync.yaml, see the README.');
  if (id !== undefined && !ids.includes(id))
    throw new UsageError(`There is no organisation "${id}". Configured: ${list}.`);
  if (id === undefined && ids.length > 1)
    throw new UsageError(`Name one of the organisations with --organization: ${list}.`);
  return id ?? ids[0]!;
}
