/** Where the page of a patient is. */
import { session } from './session.svelte.ts';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** @param unit of a run or a failure: for files a patient, otherwise a list or a date. @returns null: nothing to open, or not for this person */
export function patientLink(unit: string): string | null {
  return UUID.test(unit) && session.can('documents:read') ? `/patients/${unit}` : null;
}
