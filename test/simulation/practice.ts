/** The practice as it really is: rows, files, and what was true of each item at which moment. */

import { createMemoryFileShare, type MemoryFileShare } from '../../src/connectors/vsrx/memory-file-share.ts';
import { type Reference, storedReference } from '../../src/domain/reference.ts';
import type { EhrDatabase } from '../../src/ports/ehr-database.ts';
import { sha256Of } from '../support/blob-content.ts';
import { samplePdf } from '../support/sample-files.ts';
import { createSimulatedSource, type SimulatedSource, type SourceFault, vsrxTables } from './source.ts';
import type { Tables } from './tables.ts';
import { wallClock } from './wall-clock.ts';

export const UNITS = ['a', 'b', 'c'].map((letter) => `${letter.repeat(8)}-1111-4111-8111-111111111111`);

/** Contents that every practice may hold, so that equal ones meet across organisations, and some of one organisation only. */
const SHARED = ['one', 'two', 'three'];
const PRIVATE = ['four', 'five', 'six'];

export interface Content {
  readonly bytes: Buffer;
  readonly sha256: string;
  /** Null: any organisation may hold it. */
  readonly organizationId: string | null;
}

const contents = new Map<string, Content>();

export function contentOf(organizationId: string, index: number): Content {
  const name = index < SHARED.length ? SHARED[index]! : `${organizationId} ${PRIVATE[index % PRIVATE.length]}`;
  let content = contents.get(name);
  if (content === undefined) {
    const bytes = samplePdf(name);
    content = { bytes, sha256: sha256Of(bytes), organizationId: index < SHARED.length ? null : organizationId };
    contents.set(name, content);
  }
  return content;
}

export const CONTENTS = SHARED.length + PRIVATE.length;

/** The organisation that alone may hold this content; null: any, or unknown. */
export function ownerOfContent(sha256: string): string | null {
  for (const content of contents.values()) if (content.sha256 === sha256) return content.organizationId;
  return null;
}

export function keyOfItem(unit: string, reference: string): string {
  return `${unit} ${reference}`;
}

/** A row of the source's file table. */
export interface PracticeRow {
  readonly sourceId: string;
  readonly unit: string;
  readonly reference: Reference;
  readonly path: string | null;
  /** Another one at each change that the source tells of. */
  readonly version: string;
  /** When it was written, as the source's clock showed it. */
  readonly wallClock: string;
  readonly deleted: boolean;
}

export interface PracticeOptions {
  readonly organizationId: string;
  readonly connectionId: string;
  readonly timeZone: string;
  /** The file that proves the share to be there, if there is one. */
  readonly marker?: string;
}

export class Practice implements SimulatedSource {
  readonly organizationId: string;
  readonly connectionId: string;
  readonly timeZone: string;
  readonly files = new Map<string, PracticeRow>();
  readonly patients = new Set<string>();
  fault: SourceFault = {};
  /** Read by all processes, each in snapshots of its own. */
  readonly database: EhrDatabase;
  readonly share: MemoryFileShare;
  readonly #marker: string | null;
  #mounted = true;
  /** When it was there last; it may be there still. */
  #lastMounted = 0;
  /** How often the share went or came: a read during which this changes proves nothing. */
  mounts = 0;
  /** Rows put away by an accident, e.g. an emptied table. */
  #away = new Map<string, PracticeRow>();
  #lost = new Map<string, { bytes: Uint8Array; modifiedAt: number }>();
  #next = 1;
  #version = 1;
  readonly #clock: { readonly tick: number; readonly now: number };
  readonly #known = new Set<string>();
  readonly #present = new Set<string>();
  /** When an item that is present now was last not present. */
  readonly #lastAbsent = new Map<string, number>();

  constructor(options: PracticeOptions, clock: { readonly tick: number; readonly now: number }) {
    this.organizationId = options.organizationId;
    this.connectionId = options.connectionId;
    this.timeZone = options.timeZone;
    this.#clock = clock;
    this.#marker = options.marker ?? null;
    this.share = createMemoryFileShare({ marker: this.#marker });
    this.database = createSimulatedSource(this);
    // A folder with something in it: an empty one looks unmounted.
    this.share.files.set('notes/readme.txt', { bytes: Buffer.from('A practice.'), modifiedAt: 1 });
    this.#putMarker();
  }

  /** Live rows, by (unit, reference). */
  present(): ReadonlySet<string> {
    return this.#present;
  }

  /** Live rows: their versions by (unit, reference). */
  versions(): ReadonlyMap<string, string> {
    const live = this.rows().filter((row) => !row.deleted);
    return new Map(live.map((row) => [keyOfItem(row.unit, row.reference), row.version]));
  }

  tables(): Tables {
    return vsrxTables(this.patients, this.files.values());
  }

  /** Was there a moment since `tick` at which the source did not show the item under this unit? */
  wasAbsentSince(key: string, tick: number): boolean {
    return !this.#present.has(key) || (this.#lastAbsent.get(key) ?? -1) >= tick;
  }

  rows(): PracticeRow[] {
    return [...this.files.values()];
  }

  contentAt(path: string | null): string | null {
    const file = path === null ? undefined : this.share.files.get(path);
    return file === undefined ? null : sha256Of(Buffer.from(file.bytes));
  }

  add(unit: string, content: number): void {
    const id = this.#next++;
    const path = `notes/${id}.pdf`;
    this.#write(path, content);
    this.#put({
      unit,
      reference: storedReference(id % 5 === 0 ? `id:${id}` : uuidOf(id)),
      version: this.#stamp(),
      wallClock: wallClock(this.timeZone, this.#clock.now),
      deleted: false,
      sourceId: String(id),
      path,
    });
  }

  /** New bytes at the same path; the row knows nothing of it, unless `told`. */
  change(index: number, content: number, told: boolean): void {
    const row = this.#row(index);
    if (row?.path == null) return;
    this.#write(row.path, content);
    if (told) this.#put({ ...row, version: this.#stamp() });
  }

  /** Same reference, other path. */
  move(index: number): void {
    const row = this.#row(index);
    if (row?.path == null) return;
    const file = this.share.files.get(row.path);
    if (file === undefined) return;
    const path = `notes/moved/${this.#version}-${row.sourceId}.pdf`;
    this.share.files.delete(row.path);
    this.share.files.set(path, file);
    this.#put({ ...row, path, version: this.#stamp() });
  }

  /** The row goes and another one names the same file. @returns both, when it happened */
  replace(index: number): { before: PracticeRow; after: PracticeRow } | null {
    const before = this.#row(index);
    if (before === undefined || before.deleted) return null;
    const id = this.#next++;
    const after: PracticeRow = {
      ...before,
      sourceId: String(id),
      reference: storedReference(uuidOf(id)),
      version: this.#stamp(),
    };
    this.files.delete(before.sourceId);
    this.#put(after);
    return { before, after };
  }

  flag(index: number): void {
    const row = this.#row(index);
    if (row !== undefined) this.#put({ ...row, deleted: !row.deleted });
  }

  delete(index: number): void {
    const row = this.#row(index);
    if (row === undefined) return;
    this.files.delete(row.sourceId);
    this.#away.set(row.sourceId, row);
    this.#look();
  }

  reassign(index: number, unit: string): void {
    const row = this.#row(index);
    if (row !== undefined) this.#put({ ...row, unit, version: this.#stamp() });
  }

  removePatient(unit: string): void {
    for (const row of this.rows()) if (row.unit === unit) this.files.delete(row.sourceId);
    this.patients.delete(unit);
    this.#look();
  }

  empty(): void {
    for (const row of this.rows()) this.#away.set(row.sourceId, row);
    this.files.clear();
    this.#look();
  }

  /** Brings back what was deleted or emptied. */
  refill(): void {
    for (const row of this.#away.values()) {
      this.files.set(row.sourceId, row);
      this.patients.add(row.unit);
    }
    this.#away.clear();
    this.#look();
  }

  loseFile(index: number): void {
    const path = this.#row(index)?.path;
    const file = path == null ? undefined : this.share.files.get(path);
    if (path == null || file === undefined) return;
    this.#lost.set(path, file);
    this.share.files.delete(path);
  }

  findFiles(): void {
    for (const [path, file] of this.#lost) this.share.files.set(path, file);
    this.#lost.clear();
  }

  /** Was the share there at any moment since `tick`? */
  wasMountedSince(tick: number): boolean {
    return this.#mounted || this.#lastMounted >= tick;
  }

  unmount(): void {
    this.#goAway();
    this.share.unmount();
  }

  /** Somebody tidies up: the share looks as if it were away. */
  loseMarker(): void {
    if (this.#marker === null || !this.#mounted) return;
    this.share.files.delete(this.#marker);
    this.#goAway();
  }

  mount(identity?: string): void {
    this.#putMarker();
    this.#mounted = true;
    this.mounts++;
    this.share.mount(identity);
  }

  /** Ends every accident; what people did stays done. */
  heal(): void {
    this.fault = {};
    this.mount();
    this.findFiles();
  }

  #goAway(): void {
    if (this.#mounted) this.#lastMounted = this.#clock.tick;
    this.#mounted = false;
    this.mounts++;
  }

  #putMarker(): void {
    if (this.#marker !== null) this.share.files.set(this.#marker, { bytes: Buffer.from('share'), modifiedAt: 1 });
  }

  #row(index: number): PracticeRow | undefined {
    const rows = this.rows();
    return rows.length === 0 ? undefined : rows[index % rows.length];
  }

  #write(path: string, content: number): void {
    const { bytes } = contentOf(this.organizationId, content);
    this.share.files.set(path, { bytes, modifiedAt: 1_000 * ++this.#version });
  }

  #stamp(): string {
    return `v${++this.#version}`;
  }

  #put(row: PracticeRow): void {
    this.files.set(row.sourceId, row);
    this.patients.add(row.unit);
    this.#look();
  }

  /** Notes what is true from now on. */
  #look(): void {
    const now = new Set<string>();
    for (const row of this.files.values()) if (!row.deleted) now.add(keyOfItem(row.unit, row.reference));
    for (const key of this.#known) {
      if (this.#present.has(key)) continue;
      if (now.has(key)) this.#lastAbsent.set(key, this.#clock.tick);
    }
    this.#present.clear();
    for (const key of now) {
      this.#known.add(key);
      this.#present.add(key);
    }
  }
}

function uuidOf(n: number): string {
  return `${n.toString(16).padStart(8, '0')}-2222-4222-8222-222222222222`;
}
