/** Lists: filtered, sorted, cut into pages. What a query found is kept until the world changes. */

import type { Faults } from './faults.ts';
import { type Fields, type FieldValue, type Filter, FilterError, parseFilter } from './filters.ts';
import type { Stored } from './records.ts';
import type { Resource } from './resources.ts';
import type { World } from './world.ts';

/** Narrows a list beyond its filters: nested lists, and those with a word of their own such as `inactive`. */
export interface Scope {
  readonly name: string;
  readonly test: (record: Stored) => boolean;
}

export interface Page {
  readonly rows: readonly Stored[];
  readonly number: number;
  readonly size: number;
  readonly total: number;
}

export function filterTexts(query: URLSearchParams): string[] {
  return [...query].filter(([key]) => key === 'q[]' || key === 'q').map(([, value]) => value);
}

export function pageNumber(query: URLSearchParams): number {
  return Math.max(1, wholeNumber(query.get('page')) ?? 1);
}

/** @throws FilterError for what cannot be filtered or sorted by */
export class Lists {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #found = new Map<string, readonly Stored[]>();
  #version = -1;

  constructor(world: World, faults: Faults) {
    this.#world = world;
    this.#faults = faults;
  }

  page(resource: Resource, scope: Scope | null, query: URLSearchParams, number = pageNumber(query)): Page {
    const size = Math.min(100, Math.max(1, wholeNumber(query.get('per_page')) ?? 50));
    const all = this.#query(resource, scope, query);
    const from = (number - 1) * size;
    return { rows: all.slice(from, from + size), number, size, total: all.length };
  }

  /** @returns undefined for what is hidden, unless the filters ask for it */
  one(resource: Resource, id: string, query: URLSearchParams): Stored | undefined {
    const record = resource.get(this.#world, id);
    const fields = resource.fields(this.#world);
    const allowed = Object.fromEntries(Object.entries(fields).filter(([name]) => resource.hides.includes(name)));
    const tests = this.#tests(resource, fields, this.#filters(filterTexts(query), allowed));
    if (!record || !passes(record, tests)) {
      const readable = this.#faults.deletedPatientsReadable && resource.name === 'patients';
      return record && readable && resource.gone?.(record) ? record : undefined;
    }
    return record;
  }

  #query(resource: Resource, scope: Scope | null, query: URLSearchParams): readonly Stored[] {
    if (this.#version !== this.#world.version) {
      this.#found.clear();
      this.#version = this.#world.version;
    }
    const { showCancelled, anyValue, refuseAnyDeleted, refuseAny, sortById } = this.#faults;
    const sort = query.get('sort') ?? '';
    const order = query.get('order') ?? '';
    const texts = filterTexts(query);
    const switches = [showCancelled, anyValue, refuseAnyDeleted, refuseAny, sortById];
    const key = JSON.stringify([resource.name, scope?.name, texts, sort, order, switches]);
    const known = this.#found.get(key);
    if (known) return known;
    const fields = resource.fields(this.#world);
    const tests = this.#tests(resource, fields, this.#filters(texts, fields));
    if (scope) tests.push(scope.test);
    const rows = resource.rows(this.#world);
    const accepted = tests.length === 0 ? rows : rows.filter((row) => passes(row, tests));
    const found = sorted(accepted, sort, order, fields, sortById);
    if (this.#found.size >= 20) this.#found.clear();
    this.#found.set(key, found);
    return found;
  }

  #filters(texts: readonly string[], fields: Fields<Stored>): Filter<Stored>[] {
    const filters = texts.map((text) => parseFilter(text, fields));
    const { refuseAny, refuseAnyDeleted, refuseAnyWith } = this.#faults;
    const names = new Set([...refuseAny, ...(refuseAnyDeleted ? ['deleted_at'] : [])]);
    const refused = filters.find((one) => one.anyValue && names.has(one.field));
    if (refused) throw new FilterError(`Filter operator for ${refused.field} is not valid`, refuseAnyWith);
    return filters;
  }

  #tests(resource: Resource, fields: Fields<Stored>, filters: readonly Filter<Stored>[]): Test[] {
    const { showCancelled, anyValue } = this.#faults;
    const tests: Test[] = [];
    for (const filter of filters) {
      const { get } = fields[filter.field]!;
      if (!filter.anyValue) tests.push(filter.test);
      else if (anyValue === 'only') tests.push((record) => get(record) !== null);
    }
    for (const name of resource.hides) {
      if (filters.some(({ field }) => field === name) || (showCancelled && name === 'cancelled_at')) continue;
      const { get } = fields[name]!;
      tests.push((record) => get(record) === null);
    }
    const { gone } = resource;
    if (gone) tests.push((record) => !gone(record));
    return tests;
  }
}

type Test = (record: Stored) => boolean;

function passes(record: Stored, tests: readonly Test[]): boolean {
  for (const test of tests) if (!test(record)) return false;
  return true;
}

/** Rows come in the order of creation, unless a clock went back: then, and for any other order, a copy is sorted. */
function sorted(
  rows: readonly Stored[],
  sort: string,
  order: string,
  fields: Fields<Stored>,
  byId: boolean,
): readonly Stored[] {
  if (sort === '' && order === '' && inOrder(rows)) return rows;
  if (order !== '' && order !== 'asc' && order !== 'desc') throw new FilterError(`${order} is not an order`);
  const keys = (sort || 'created_at').split(',').map((part) => {
    const match = /^([a-z_]+)(?::(asc|desc))?$/.exec(part);
    const name = match?.[1] ?? '';
    const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!found || (name === 'id' && !byId)) throw new FilterError(`${part} is not sortable`);
    return { get: found.get, sign: (match?.[2] ?? (order || 'asc')) === 'desc' ? -1 : 1 };
  });
  const compare = (a: Stored, b: Stored): number => {
    for (const { get, sign } of keys) {
      const difference = compareValues(get(a), get(b));
      if (difference !== 0) return sign * difference;
    }
    return 0;
  };
  return rows.toSorted(compare);
}

function inOrder(rows: readonly Stored[]): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i - 1]!.createdAt > rows[i]!.createdAt) return false;
  return true;
}

function compareValues(a: FieldValue, b: FieldValue): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
