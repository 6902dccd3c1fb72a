/**
 * The EHR's database. Read only, behind a table mapping.
 *
 * Contract, tested for MySQL/MariaDB and PostgreSQL by `test/contract/ehr-database.ts`:
 * - `check` compares the mapping with `information_schema`; missing tables and columns → `source_mapping`, all named at once.
 * - `readFiles` reads one consistent snapshot, streamed, ordered by (unit, reference) in byte order, flagged rows included.
 *   `summary()` may be called after the stream ended and tells what was counted in the same snapshot. Rows of patients
 *   without UUID are counted as `unlinkable`, not delivered. Stopping early or aborting frees the connection.
 * - `presence` looks items up again by reference, at the moment of acting.
 * - `patients` gives every patient with a UUID, part by part; one whom the source has twice may come twice. The parts are not of
 *   one snapshot: who is added meanwhile may be missing.
 * - `absentPatients` returns those units for which the source has no patient row any more.
 * - Errors: `source_unreachable`, `source_credentials`, `source_permission`, `source_mapping`, `source_timeout`,
 *   `source_changed_during_read`, `cancelled`. Never the driver's text.
 */
import type { SourceItem } from '../domain/change-set.ts';
import type { Reference } from '../domain/reference.ts';

export interface SourceFile extends SourceItem {
  /** Primary key in the source, as text. */
  readonly sourceId: string;
  /** As stored in the source: relative to the base, untrusted. Null when the source has none. */
  readonly path: string | null;
  readonly description: string | null;
  /** Upload time as an ISO instant (the source's wall clock read in its configured zone), or null. */
  readonly uploadedAt: string | null;
  /** UUID of the owner (VSRX: staff), or null. */
  readonly ownerUuid: string | null;
  readonly patientName: string | null;
}

export interface SourcePatient {
  readonly unit: string;
  /** UUID of the owner (VSRX: staff), or null. */
  readonly ownerUuid: string | null;
  readonly patientName: string | null;
  /** DD/MM/YYYY where the source has a date, else as it writes it; null where the mapping names no column. */
  readonly dateOfBirth: string | null;
  readonly gender: string | null;
}

export interface SourcePatients {
  readonly patients: readonly SourcePatient[];
  /** For `after`; null: that was all. */
  readonly next: string | null;
}

export interface FileReadSummary {
  readonly rowsRead: number;
  /** COUNT(*) over the same rows in the same snapshot. */
  readonly rowsExpected: number;
  readonly unlinkable: number;
}

export interface FileRead extends AsyncIterable<SourceFile> {
  /** @throws SyncError `source_incomplete` when the stream has not ended. */
  summary(): FileReadSummary;
}

/** Which filesets are wanted: every patient's, or just these patients'. */
export type FilesetSelection = 'all' | ReadonlySet<string>;

export type Presence =
  | { readonly state: 'present' | 'deleted'; readonly unit: string | null }
  | { readonly state: 'absent' };

export interface EhrDatabase {
  check(signal?: AbortSignal): Promise<void>;
  readFiles(selection: FilesetSelection, signal?: AbortSignal): FileRead;
  presence(references: readonly Reference[], signal?: AbortSignal): Promise<ReadonlyMap<Reference, Presence>>;
  /**
   * Units that the source itself marks as activated (`silknote_patient_filesets.activatedUse` in the source's database).
   * @throws SyncError `source_mapping` when the source has no such table
   */
  activatedPatients(signal?: AbortSignal): Promise<ReadonlySet<string>>;
  /** Some thousand patients. @param after `next` of the part before; null: from the beginning */
  patients(after: string | null, signal?: AbortSignal): Promise<SourcePatients>;
  absentPatients(units: readonly string[], signal?: AbortSignal): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}
