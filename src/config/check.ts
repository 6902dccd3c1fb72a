/**
 * Compares a value with a TypeBox schema and names every difference. TypeBox's own errors stop at a number, know no places,
 * and for a union list what every variant misses.
 */
import Type, { type TObject, type TSchema, type TUnion } from 'typebox';
import { Check } from 'typebox/schema';
import { oneOf } from './leaf.ts';
import { didYouMean, type Mistake, type Path, pathText } from './mistake.ts';
import type { ConfigSource } from './source.ts';

type Values = Record<string, unknown>;

interface Walk {
  readonly source: ConfigSource;
  readonly mistakes: Mistake[];
}

/** @returns the value, with texts from the environment turned into the numbers and switches that the schema wants */
export function checkShape(schema: TSchema, source: ConfigSource, mistakes: Mistake[]): unknown {
  return check(schema, source.value, [], { source, mistakes });
}

function check(schema: TSchema, value: unknown, path: Path, walk: Walk): unknown {
  if (Type.IsUnion(schema)) return checkUnion(schema, value, path, walk);
  if (Type.IsObject(schema)) {
    if (!isValues(value)) return fail(walk, path, `expected ${expected(schema)}`, value);
    return checkObject(schema, value, path, walk);
  }
  if (Type.IsArray(schema) && Array.isArray(value)) {
    const items = value.map((item, i) => check(schema.items, item, [...path, i], walk));
    const { minItems = 0, uniqueItems = false } = schema as { minItems?: number; uniqueItems?: boolean };
    if (items.length < minItems) fail(walk, path, `expected ${expected(schema)}`, value);
    if (uniqueItems && new Set(items).size < items.length) fail(walk, path, 'an item is given twice', value);
    return items;
  }
  return checkLeaf(schema, value, path, walk);
}

function checkObject(schema: TObject, value: Values, path: Path, walk: Walk): Values {
  const checked: Values = {};
  for (const [key, item] of Object.entries(value)) {
    const known = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (known) {
      checked[key] = check(known, item, [...path, key], walk);
    } else {
      const at = [...path, key];
      const message = `there is no setting of this name.${didYouMean(key, Object.keys(schema.properties))}`;
      walk.mistakes.push({ path: pathText(at), place: walk.source.placeOfKey(at), message });
    }
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key))
      fail(walk, [...path, key], `is missing: expected ${expected(schema.properties[key]!)}`, value);
  }
  return checked;
}

function checkUnion(schema: TUnion, value: unknown, path: Path, walk: Walk): unknown {
  const objects = schema.anyOf.filter((variant) => Type.IsObject(variant)) as TObject[];
  if (!isValues(value) || objects.length === 0) return checkLeaf(schema, value, path, walk);
  const { discriminator } = schema as TUnion & { discriminator?: string };
  if (discriminator === undefined) return checkObject(closest(objects, value), value, path, walk);

  const nameOf = (variant: TObject) => String((variant.properties[discriminator] as { const?: unknown }).const);
  const given = value[discriminator];
  const variant = objects.find((candidate) => nameOf(candidate) === given);
  if (variant) return checkObject(variant, value, path, walk);
  const at = [...path, discriminator];
  const names = objects.map(nameOf);
  const missing = given === undefined ? 'is missing: ' : '';
  return fail(walk, at, `${missing}expected ${oneOf(names)}.${suggestion(given, names, at, walk)}`, value);
}

/** The variant that shares most keys with the value, then the one that misses least. */
function closest(variants: readonly TObject[], value: Values): TObject {
  const score = ({ properties, required }: TObject) =>
    Object.keys(value).filter((key) => Object.hasOwn(properties, key)).length * 100 -
    (required ?? []).filter((key: string) => !Object.hasOwn(value, key)).length;
  return variants.reduce((best, next) => (score(next) > score(best) ? next : best));
}

function checkLeaf(schema: TSchema, value: unknown, path: Path, walk: Walk): unknown {
  const matches = (candidate: unknown): boolean => Check(schema, candidate);
  if (matches(value)) return value;
  if (typeof value === 'string' && walk.source.fromEnvironment(path)) {
    const given: string = value.trim();
    const converted = given === 'true' || given === 'false' ? given === 'true' : Number(given || Number.NaN);
    if (matches(converted)) return converted;
  }
  if (value === null) return fail(walk, path, `has no value: expected ${expected(schema)}`, value);
  if (typeof value === 'number' && Type.IsString(schema) && matches(String(value))) {
    return fail(walk, path, `expected ${expected(schema)} (put a number in quotes to make it a text)`, value);
  }
  return fail(walk, path, `expected ${expected(schema)}.${suggestion(value, choicesOf(schema), path, walk)}`, value);
}

function suggestion(value: unknown, choices: readonly string[], path: Path, walk: Walk): string {
  return typeof value === 'string' && !walk.source.fromEnvironment(path) ? didYouMean(value, choices) : '';
}

function choicesOf(schema: TSchema): string[] {
  const { enum: names, const: name, anyOf } = schema as { enum?: unknown[]; const?: unknown; anyOf?: TSchema[] };
  const own = [...(names ?? []), name].filter((item): item is string => typeof item === 'string');
  return [...own, ...(anyOf ?? []).flatMap(choicesOf)];
}

function expected(schema: TSchema): string {
  const { description } = schema as { description?: string };
  if (description) return description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, '');
  if (Type.IsObject(schema)) return `settings such as ${Object.keys(schema.properties).slice(0, 3).join(', ')}`;
  const choices = choicesOf(schema);
  return choices.length > 0 ? oneOf(choices) : 'another kind of value';
}

function fail(walk: Walk, path: Path, message: string, value: unknown): unknown {
  // A value whose variable is not set has been reported; that its remains do not fit says nothing new.
  if (walk.mistakes.some((mistake) => mistake.path === pathText(path))) return value;
  walk.mistakes.push({ path: pathText(path), place: walk.source.place(path), message: message.replace(/\.$/, '') });
  return value;
}

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
