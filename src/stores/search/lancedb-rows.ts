/**
 * Rows of a table of passages.
 *
 * A document is a head (ordinal 0) and its passages (from 1), written by one commit with one stamp. **The head decides**: a
 * passage whose stamp is not its head's is not there, whoever left it. So a document is replaced in one step, whatever else
 * is written or killed at that time, and what is left behind can be deleted at any time.
 *
 * The library does not notice when two processes insert the same id at once: a document that both put for the first time
 * has two heads. **The greater stamp decides**, for everybody alike, and whoever came second clears the other away.
 */
import { randomUUID } from 'node:crypto';
import type { Field, Schema } from 'apache-arrow';
import type { IndexedDocument, SearchEntry } from '../../ports/search-index.ts';
import type { PagePassage } from './indexed-passages.ts';

export interface Row {
  /** `patient/document/ordinal`: sorts by bytes, and says whose it is. */
  readonly id: string;
  /** `organisation/patient`: what every question is limited to. */
  readonly scope: string;
  readonly document: string;
  readonly ordinal: number;
  readonly stamp: string;
  /** Of the control table when it was written: an older one is from before a rebuild. */
  readonly epoch: number;
  readonly version: string;
  /** Settings under which it was indexed; of the head. */
  readonly profile: string;
  /** Of the head; {@link REMOVED} for a document that was removed during a rebuild. */
  readonly passages: number;
  readonly page: number;
  readonly start: number;
  readonly text: string;
  readonly terms: string;
  readonly vector: readonly number[] | null;
}

export const REMOVED = -1;

/** Begins the stamps of what was put or removed. Hex digits are less. */
export const NEWEST = 'z';

let given = 0;

/**
 * Never given twice. Of what was put or removed the later one decides, by the clock where several processes are at it; what a
 * rebuild brings gives way to both.
 */
export function newStamp(kind: 'newest' | 'older'): string {
  if (kind === 'older') return randomUUID();
  const time = Date.now().toString(36).padStart(9, '0');
  const turn = (given++ % 36 ** 4).toString(36).padStart(4, '0');
  // Twice, so that it is greater than those that were given before they had a time.
  return `${NEWEST}${NEWEST}${time}${turn}${randomUUID()}`;
}

/** Of each id the row whose stamp decides. */
export function decisive<T extends { readonly id: string; readonly stamp: string }>(
  rows: readonly T[],
): Map<string, T> {
  const found = new Map<string, T>();
  for (const row of rows) {
    const other = found.get(row.id);
    if (other === undefined || other.stamp < row.stamp) found.set(row.id, row);
  }
  return found;
}

/** Where vectors of one model stand; another model has another column. */
export interface VectorColumn {
  readonly name: string;
  readonly dimensions: number;
}

export function scopeOf(organizationId: string, patientUuid: string): string {
  return `${organizationId}/${patientUuid}`;
}

/** Every row of the organisation, or of one patient. */
export function scopeFilter(organizationId: string, patientUuid: string | null): string {
  if (patientUuid !== null) return `scope = '${scopeOf(organizationId, patientUuid)}'`;
  // '0' is the character after '/'.
  return `scope >= '${organizationId}/' AND scope < '${organizationId}0'`;
}

export function documentFilter(organizationId: string, patientUuid: string, documentUuid: string): string {
  const id = `${patientUuid}/${documentUuid}`;
  return `id >= '${id}/' AND id < '${id}0' AND ${scopeFilter(organizationId, patientUuid)}`;
}

export function headId(patientUuid: string, documentUuid: string): string {
  return `${patientUuid}/${documentUuid}/0`;
}

export interface RowsOptions {
  readonly entry: Pick<SearchEntry, 'organizationId' | 'patientUuid' | 'documentUuid' | 'version'>;
  readonly passages: readonly (PagePassage & { readonly terms: string; readonly vector: readonly number[] | null })[];
  readonly stamp: string;
  readonly epoch: number;
  readonly profile: string;
}

export function rowsOf({ entry, passages, stamp, epoch, profile }: RowsOptions): Row[] {
  const { patientUuid, documentUuid, version } = entry;
  const common = { scope: scopeOf(entry.organizationId, patientUuid), document: documentUuid, stamp, epoch };
  const head: Row = {
    ...common,
    ...EMPTY,
    id: headId(patientUuid, documentUuid),
    version,
    profile,
    passages: passages.length,
  };
  return [
    head,
    ...passages.map((passage, i) => ({
      ...common,
      ...EMPTY,
      id: `${patientUuid}/${documentUuid}/${i + 1}`,
      ordinal: i + 1,
      page: passage.page,
      start: passage.start,
      text: passage.text,
      terms: passage.terms,
      vector: passage.vector,
    })),
  ];
}

const EMPTY = {
  ordinal: 0,
  version: '',
  profile: '',
  passages: 0,
  page: 0,
  start: 0,
  text: '',
  terms: '',
  vector: null,
};

/** Stands for a document that a rebuild must not bring back. */
export function tombstone(
  place: { organizationId: string; patientUuid: string; documentUuid: string },
  epoch: number,
  stamp: string,
): Row {
  const [head] = rowsOf({ entry: { ...place, version: '' }, passages: [], stamp, epoch, profile: '' });
  return { ...head!, passages: REMOVED };
}

export type Head = Pick<Row, 'id' | 'scope' | 'document' | 'stamp' | 'epoch' | 'version' | 'profile' | 'passages'>;
export const HEAD_COLUMNS = ['id', 'scope', 'document', 'stamp', 'epoch', 'version', 'profile', 'passages'];

export function indexedDocument(head: Head, profile: string): IndexedDocument {
  const { document, version, passages } = head;
  const patientUuid = head.scope.slice(head.scope.indexOf('/') + 1);
  return { patientUuid, documentUuid: document, version, passages, current: head.profile === profile };
}

export type Arrow = typeof import('apache-arrow');

export function vectorField({ Field, FixedSizeList, Float32 }: Arrow, column: VectorColumn): Field {
  return new Field(column.name, new FixedSizeList(column.dimensions, new Field('item', new Float32(), true)), true);
}

export function rowSchema(arrow: Arrow, column: VectorColumn | null): Schema {
  const { Field, Int32, Schema, Utf8 } = arrow;
  const texts = ['id', 'scope', 'document', 'stamp', 'version', 'profile', 'text', 'terms'];
  const numbers = ['ordinal', 'epoch', 'passages', 'page', 'start'];
  return new Schema([
    ...texts.map((name) => new Field(name, new Utf8(), false)),
    ...numbers.map((name) => new Field(name, new Int32(), false)),
    ...(column === null ? [] : [vectorField(arrow, column)]),
  ]);
}
