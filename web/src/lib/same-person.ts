/** Whether two filesets look like those of one person. Only what a person then looks at. */
import type { Fileset } from './api/client.ts';

export type Likeness = 'same' | 'differs' | 'unknown';
type Person = Pick<Fileset, 'patientName' | 'patientDob'>;

export function likenessOf(a: Person, b: Person): { name: Likeness; birthDate: Likeness } {
  return {
    name: compare(a.patientName, b.patientName, nameKey),
    birthDate: compare(a.patientDob, b.patientDob, dateKey),
  };
}

function compare(a: string | null, b: string | null, key: (text: string) => string): Likeness {
  const [left, right] = [key(a ?? ''), key(b ?? '')];
  if (left === '' || right === '') return 'unknown';
  return left === right ? 'same' : 'differs';
}

/** Case, accents, punctuation and the order of the parts do not matter. */
function nameKey(name: string): string {
  const parts = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .match(/[\p{L}\p{N}]+/gu);
  return (parts ?? []).sort().join(' ');
}

/** DD/MM/YYYY or YYYY-MM-DD. */
function dateKey(date: string): string {
  const local = /^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*$/.exec(date);
  if (local !== null) return `${local[3]}-${(local[2] ?? '').padStart(2, '0')}-${(local[1] ?? '').padStart(2, '0')}`;
  return /^\s*(\d{4}-\d{2}-\d{2})/.exec(date)?.[1] ?? date.trim().toLowerCase();
}
