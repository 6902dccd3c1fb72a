/**
 * Free text of a source as it can be stored: without NUL, which PostgreSQL refuses, and no longer than its column.
 *
 * One strange name must not make the whole batch of its document fail.
 */

/** @param maxCharacters Unicode characters, as PostgreSQL counts the length of a `varchar` */
export function storedText(text: string, maxCharacters: number): string {
  const clean = text.replaceAll('\0', '').toWellFormed();
  if (clean.length <= maxCharacters) return clean;
  let end = 0;
  let characters = 0;
  for (const character of clean) {
    if (++characters > maxCharacters) return clean.slice(0, end);
    end += character.length;
  }
  return clean;
}

/** A patient whose id has no place in a column is nobody's. */
export function isStorableUnit(unit: string): boolean {
  return storedText(unit, UNIT_LENGTH) === unit;
}

const UNIT_LENGTH = 36;
export const NAME_LENGTH = 500;
export const PATIENT_NAME_LENGTH = 255;
export const BIRTH_DATE_LENGTH = 20;
export const GENDER_LENGTH = 50;
export const MIME_TYPE_LENGTH = 100;
