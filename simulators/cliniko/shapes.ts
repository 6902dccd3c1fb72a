/** The ways the API has of saying a thing, or of saying that there is none. */
import type { Stored } from './records.ts';
import type { View } from './resources.ts';

export type Json = Record<string, unknown>;

export function link(self: string): { links: { self: string } } {
  return { links: { self } };
}

/** A relation without value is absent in some records and null in others. */
export function relate(out: Json, key: string, record: Stored, view: View, path: string | null): void {
  if (path !== null) {
    out[key] = link(`${view.url}/${path}`);
    return;
  }
  const { emptyRelations } = view.faults;
  if (emptyRelations === 'null' || (emptyRelations === 'mixed' && isOdd(record))) out[key] = null;
}

/** A text without value is "" in some records and null in others. */
export function blank(record: Stored): '' | null {
  return isOdd(record) ? null : '';
}

/** Decided by a digit of the identifier, so that it stays the same for a record. */
export function isOdd(record: Stored): boolean {
  return record.id.charCodeAt(14) % 2 === 1;
}

/** A list under a filter, as the API links to it. */
export function filtered(path: string, filter: string): string {
  return `${path}?q%5B%5D=${encodeURIComponent(filter)}`;
}

const REASONS: Readonly<Record<number, string>> = {
  10: 'Feeling Better',
  20: 'Condition Worse',
  30: 'Sick',
  31: 'COVID-19 related',
  40: 'Away',
  50: 'Other',
  60: 'Work',
};

export function reasonDescription(reason: number | null, record: Stored): string | null {
  return reason === null ? blank(record) : (REASONS[reason] ?? 'Other');
}
