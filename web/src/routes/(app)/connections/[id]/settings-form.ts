/** Settings in the fields of a form: which kind of field a schema wants, and how a value is written in it. */
import type { SettingField } from '#lib/api/client.ts';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Part {
  readonly name: string;
  /** What may be ticked; null: a text. */
  readonly choices: readonly string[] | null;
}

export type Input =
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'switch' }
  | { readonly kind: 'number'; readonly minimum: number | undefined; readonly maximum: number | undefined }
  | { readonly kind: 'text' }
  /** One text in each line. */
  | { readonly kind: 'lines' }
  /** Rows of parts. */
  | { readonly kind: 'rows'; readonly parts: readonly Part[] };

export type Row = Record<string, string | string[]>;
/** What stands in the field. */
export type Entry = string | Row[];

export function inputOf(field: SettingField): Input {
  const schema = field.schema as Schema;
  if (schema.enum !== undefined) return { kind: 'choice', choices: schema.enum };
  if (schema.type === 'boolean') return { kind: 'switch' };
  if (schema.type === 'integer') return { kind: 'number', minimum: schema.minimum, maximum: schema.maximum };
  if (schema.type !== 'array') return { kind: 'text' };
  const properties = schema.items?.properties;
  if (properties === undefined) return { kind: 'lines' };
  const parts = Object.entries(properties).map(([name, part]) => ({ name, choices: part.items?.enum ?? null }));
  return { kind: 'rows', parts };
}

export function entryOf(field: SettingField): Entry {
  const { value } = field;
  const { kind } = inputOf(field);
  if (kind === 'rows') return Array.isArray(value) ? (structuredClone(value) as Row[]) : [];
  if (value === null || value === undefined) return '';
  if (kind === 'lines') return Array.isArray(value) ? value.join('\n') : '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Null: nothing is said, so the default counts. */
export function meantBy(field: SettingField, entry: Entry): unknown {
  const input = inputOf(field);
  if (typeof entry !== 'string') return entry.length === 0 ? null : entry;
  const text = entry.trim();
  if (input.kind === 'lines') {
    const lines = text.split('\n').map((line) => line.trim());
    // An empty list may mean something else than none: only where it stands for the default, nothing is said.
    return text === '' ? (Array.isArray(field.default) ? [] : null) : lines.filter((line) => line !== '');
  }
  if (text === '') return null;
  if (input.kind === 'switch') return text === 'true';
  const numeric = input.kind === 'number' || takesNumbers(field.schema as Schema);
  return numeric && /^\d+$/.test(text) ? Number(text) : text;
}

/** What somebody has changed: name → value. */
export function changesOf(fields: readonly SettingField[], entries: Readonly<Record<string, Entry>>) {
  const changed: Record<string, unknown> = {};
  for (const field of fields) {
    const entry = entries[field.name];
    if (entry === undefined || field.fixed !== null) continue;
    if (JSON.stringify(entry) !== JSON.stringify(entryOf(field))) changed[field.name] = meantBy(field, entry);
  }
  return changed;
}

const takesNumbers = (schema: Schema) => (schema.anyOf ?? []).some(({ type }) => type === 'integer');
