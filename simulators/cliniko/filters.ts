/** The filter language: `field:OPvalue`. Note that `?` means "is not null" and `!?` means "is null". */
import { parseUtc } from './time.ts';

export type FieldType = 'date-time' | 'date' | 'number' | 'id' | 'string' | 'boolean' | 'array';
export type FieldValue = number | string | boolean | null | readonly string[];

export interface Field<T> {
  readonly type: FieldType;
  readonly get: (record: T) => FieldValue;
}

export type Fields<T> = Readonly<Record<string, Field<T>>>;

export interface Filter<T> {
  readonly field: string;
  /** `*`: any value, which only lifts what a list hides by default. */
  readonly anyValue: boolean;
  readonly test: (record: T) => boolean;
}

export class FilterError extends Error {
  readonly status: 400 | 422;

  constructor(message: string, status: 400 | 422 = 400) {
    super(message);
    this.status = status;
  }
}

const OPERATORS: Readonly<Record<FieldType, readonly string[]>> = {
  'date-time': ['>=', '>', '<=', '<', '?', '!?', '*'],
  date: ['=', '>=', '>', '<=', '<', '?', '!?'],
  number: ['=', '!=', '>=', '>', '<=', '<', '?', '!?'],
  id: ['=', '!=', '>=', '>', '<=', '<', '?', '!?'],
  string: ['=', '!=', '~', '~~', '?', '!?'],
  boolean: ['=', '!='],
  array: ['~'],
};

/** @throws FilterError with the text of the 400 answer */
export function parseFilter<T>(text: string, fields: Fields<T>): Filter<T> {
  const match = /^([^:]*):(>=|<=|!=|!\?|~~|>|<|=|~|\?|\*)?(.*)$/s.exec(text);
  if (!match) throw new FilterError(`${text} is not a filter`);
  const [, name = '', operator = '', value = ''] = match;
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (!field) throw new FilterError(`${name} is not filterable`);
  if (!OPERATORS[field.type].includes(operator)) {
    throw new FilterError(`Filter operator for ${name} is not valid`);
  }
  const { get } = field;
  if (['?', '!?', '*'].includes(operator)) {
    if (value !== '') throw new FilterError(`Filter for ${name} takes no value`);
    const wanted = operator === '?';
    return {
      field: name,
      anyValue: operator === '*',
      test: operator === '*' ? () => true : (record) => (get(record) !== null) === wanted,
    };
  }
  const accepts = READERS[field.type](name, operator, value);
  return { field: name, anyValue: false, test: (record) => accepts(get(record)) };
}

type Accepts = (value: FieldValue) => boolean;

const READERS: Readonly<Record<FieldType, (name: string, operator: string, value: string) => Accepts>> = {
  'date-time': (name, operator, value) => {
    const wanted = parseUtc(value);
    if (wanted === null) throw new FilterError(`Filter value for ${name} must be a date-time`);
    return compared(operator, (found) => (found as number) - wanted);
  },
  date: (name, operator, value) => {
    if (!/^[\d*]{4}-[\d*]{2}-[\d*]{2}$/.test(value)) throw new FilterError(`Filter value for ${name} must be a date`);
    if (!value.includes('*')) return compared(operator, (found) => order(found as string, value));
    if (operator !== '=') throw new FilterError(`Filter value for ${name} must be a date without wildcards`);
    const pattern = new RegExp(`^${value.replaceAll('*', '\\d')}$`);
    return (found) => found !== null && pattern.test(found as string);
  },
  number: (name, operator, value) => {
    const wanted = listOf(name, operator, value, /^-?\d+(\.\d+)?$/).map(Number);
    if (operator === '=' || operator === '!=') return oneOf(operator, new Set<FieldValue>(wanted));
    return compared(operator, (found) => (found as number) - wanted[0]!);
  },
  id: (name, operator, value) => {
    const wanted = listOf(name, operator, value, /^\d+$/).map((digits) => digits.replace(/^0+(?=\d)/, ''));
    if (operator === '=' || operator === '!=') return oneOf(operator, new Set<FieldValue>(wanted));
    const one = wanted[0]!;
    return compared(operator, (found) => (found as string).length - one.length || order(found as string, one));
  },
  string: (_name, operator, value) => {
    if (operator === '=') return (found) => found === value;
    if (operator === '!=') return (found) => found !== value;
    const wanted = (operator === '~' ? `%${value}%` : value).toLowerCase();
    const parts = wanted.split('%').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`, 's');
    return (found) => found !== null && pattern.test((found as string).toLowerCase());
  },
  boolean: (name, operator, value) => {
    if (value !== 'true' && value !== 'false') throw new FilterError(`Filter value for ${name} must be a boolean`);
    return oneOf(operator, new Set<FieldValue>([value === 'true']));
  },
  array: (_name, _operator, value) => (found) => (found as readonly string[]).includes(value),
};

function listOf(name: string, operator: string, value: string, shape: RegExp): string[] {
  const parts = operator === '=' || operator === '!=' ? value.split(',') : [value];
  if (!parts.every((part) => shape.test(part))) throw new FilterError(`Filter value for ${name} must be a number`);
  return parts;
}

function oneOf(operator: string, wanted: ReadonlySet<FieldValue>): Accepts {
  return operator === '=' ? (found) => wanted.has(found) : (found) => !wanted.has(found);
}

function compared(operator: string, compare: (found: FieldValue) => number): Accepts {
  const decide: Readonly<Record<string, (difference: number) => boolean>> = {
    '=': (difference) => difference === 0,
    '>=': (difference) => difference >= 0,
    '>': (difference) => difference > 0,
    '<=': (difference) => difference <= 0,
    '<': (difference) => difference < 0,
  };
  const holds = decide[operator]!;
  return (found) => found !== null && holds(compare(found));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
