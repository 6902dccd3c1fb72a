/** A case summary is any JSON object that a program has saved: how it is shown. */

/** Deeper ones are shown as they are written. */
const DEEPEST = 6;

export type Shape =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly unknown[] }
  | { readonly kind: 'parts'; readonly parts: readonly (readonly [name: string, value: unknown])[] };

export function shapeOf(value: unknown, depth: number, say: { readonly yes: string; readonly no: string }): Shape {
  if (typeof value === 'boolean') return { kind: 'text', text: value ? say.yes : say.no };
  if (value === null || typeof value !== 'object') return { kind: 'text', text: value === null ? '' : String(value) };
  if (depth >= DEEPEST) return { kind: 'text', text: JSON.stringify(value) };
  if (Array.isArray(value)) return value.length === 0 ? { kind: 'text', text: '' } : { kind: 'list', items: value };
  const parts = Object.entries(value);
  return parts.length === 0 ? { kind: 'text', text: '' } : { kind: 'parts', parts };
}

/** @returns null when it is more than a text */
export function textOf(summary: unknown): string | null {
  if (summary === null || typeof summary !== 'object' || Object.keys(summary).length !== 1) return null;
  const { text } = summary as { text?: unknown };
  return typeof text === 'string' ? text : null;
}

/** `chiefComplaint`, `chief_complaint` → "Chief complaint". */
export function labelOf(name: string): string {
  const spaced = name
    .replaceAll(/[_-]+/g, ' ')
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .trim();
  const text = spaced
    .split(' ')
    .map((word) => (/^\p{Lu}\p{Ll}/u.test(word) ? word.toLowerCase() : word))
    .join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
