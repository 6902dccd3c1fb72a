/** Search parameters as they are written: a value may be a list, of which one has to fit; a name that is given again narrows. */
import { HttpError } from '../errors.ts';
import { type Range, rangesOf } from './dates.ts';

/** Name → every value that was given. */
export type Parameters = Readonly<Record<string, readonly string[] | undefined>>;

export function refuse(name: string, expected: string): HttpError {
  return new HttpError(400, 'invalid_request', `${name} is ${expected}.`);
}

/** The parts of a list; `\,` is a comma, `\|` a bar, `\$` a dollar sign, `\\` a backslash. */
export function partsOf(value: string): string[] {
  const parts = [...value.matchAll(/(?:[^\\,]|\\.|\\$)*(?:,|$)/gs)].map(([part]) => part);
  // The pattern also fits the nothing at the end.
  if (!value.endsWith(',') && parts.length > 1) parts.pop();
  return parts.map((part) => part.replace(/,$/, '').replace(/\\(.)/gs, '$1')).filter((part) => part !== '');
}

/** Each is a list of which one has to fit; all lists have to. Undefined: not given. */
export function listsOf(parameters: Parameters, name: string): string[][] | undefined {
  return parameters[name]?.map(partsOf);
}

/** @throws HttpError 400 when the name is given more than once */
export function listOf(parameters: Parameters, name: string): string[] | undefined {
  const lists = listsOf(parameters, name);
  if (lists !== undefined && lists.length > 1) throw refuse(name, 'given once, with commas between several values');
  return lists?.[0];
}

/** What fits every list. */
export function commonOf(lists: readonly string[][] | undefined): string[] | undefined {
  return lists?.reduce((all, list) => all.filter((item) => list.includes(item)));
}

export function flagOf(parameters: Parameters, name: string): boolean | undefined {
  const values = listOf(parameters, name);
  if (values === undefined) return undefined;
  if (values.length === 0 || values.some((value) => value !== 'true' && value !== 'false'))
    throw refuse(name, 'true or false');
  return new Set(values).size > 1 ? undefined : values[0] === 'true';
}

/** All of them have to hold the value, each in one of its ranges. */
export function datesOf(
  parameters: Parameters,
  name: string,
  options: { readonly daysOnly?: boolean } = {},
): Range[][] | undefined {
  return listsOf(parameters, name)?.map((list) => {
    const ranges = list.map((text) => (options.daysOnly && text.includes('T') ? null : rangesOf(text, Date.now())));
    if (list.length === 0 || ranges.includes(null)) {
      const example = options.daysOnly
        ? '1980, 1980-01 or 1980-01-31'
        : '2026, 2026-11, 2026-11-30 or an instant with its offset';
      throw refuse(name, `such as ${example}, with eq, ne, gt, ge, lt, le, sa, eb or ap before it`);
    }
    return ranges.flatMap((found) => found ?? []);
  });
}
