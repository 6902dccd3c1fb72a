/** Single values of the configuration. Each schema's `description` completes the sentence "expected …". */
import Type, { type TSchema } from 'typebox';
import { parseDuration, parseSize } from './quantity.ts';

export const text = (description: string, pattern?: RegExp) =>
  Type.String({ description, minLength: 1, ...(pattern ? { pattern: pattern.source } : {}) });

export const integer = (minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, description: `a whole number from ${minimum} to ${maximum}` });

export const number = (minimum: number, maximum: number) =>
  Type.Number({ minimum, maximum, description: `a number from ${minimum} to ${maximum}` });

export const choice = <const Names extends readonly string[]>(names: Names) =>
  Type.Unsafe<Names[number]>(Type.Enum([...names], { description: oneOf(names) }));

export const switchOf = () => Type.Boolean({ description: 'true or false' });

export const checkedText = (description: string, check: (value: string) => boolean) =>
  Type.Refine(Type.String({ description }), check);

export const IDENTIFIER = /^[A-Za-z0-9_-]{1,64}$/;
export const identifier = () => text('1 to 64 letters, digits, "-" or "_"', IDENTIFIER);

/** Limits in milliseconds. */
export const duration = (minimum: number, maximum: number, description: string) =>
  checkedText(description, (value) => within(parseDuration(value), minimum, maximum));

/** A duration, or the word that says that there is none. */
export const durationOr = (word: string, minimum: number, maximum: number, description: string) =>
  checkedText(
    `${description}, or ${word}`,
    (value) => value === word || within(parseDuration(value), minimum, maximum),
  );

/** Bytes as a number, or a text with a unit. */
export const size = (maximum: number, description: string) =>
  Type.Refine(Type.Union([Type.Integer(), Type.String()], { description }), (value) =>
    within(typeof value === 'number' ? value : parseSize(value), 1, maximum),
  );

export const timeZone = () =>
  checkedText('the IANA name of a time zone that exists, such as Australia/Sydney', isTimeZone);

export function isTimeZone(name: string): boolean {
  // Offsets such as +10:00 are accepted by Intl, but have no daylight saving time.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const closed = <const Properties extends Record<string, TSchema>>(properties: Properties) =>
  Type.Object(properties, { additionalProperties: false });

export function oneOf(names: readonly string[]): string {
  return names.length === 1 ? `"${names[0]}"` : `one of ${names.map((name) => `"${name}"`).join(', ')}`;
}

function within(value: number | null, minimum: number, maximum: number): boolean {
  return value !== null && value >= minimum && value <= maximum;
}
