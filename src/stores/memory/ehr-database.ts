/** An EHR database in memory: a model that a test or the simulation changes between, and during, reads. */
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { compareBytes, compareKeys, type Reference } from '../../domain/reference.ts';
import type { EhrDatabase, FileRead, FilesetSelection, Presence, SourceFile } from '../../ports/ehr-database.ts';

/** Few, so that tests have several parts. */
const PATIENTS_AT_ONCE = 3;

export interface EhrFault {
  /** No call is answered. */
  unreachable?: boolean;
  /** A read ends after so many rows, without an error. */
  endsAfter?: number;
  /** Added to what the source says it counted. */
  countOff?: number;
}

export interface EhrModel {
  /** By `sourceId`: what the source's file table contains. */
  readonly files: Map<string, SourceFile>;
  /** UUIDs of the patients, in lower case. A file whose unit is not among them is still delivered. */
  readonly patients: Set<string>;
  /** Patients whose fileset the source marks as activated; null: the source has no such table. */
  activated: Set<string> | null;
  /** Rows of patients without UUID. */
  unlinkable: number;
  fault: EhrFault;
}

export function createEhrModel(): EhrModel {
  return { files: new Map(), patients: new Set(), activated: null, unlinkable: 0, fault: {} };
}

/** Adds a file or changes it, and makes its patient known. */
export function putFile(model: EhrModel, file: SourceFile): void {
  model.files.set(file.sourceId, file);
  model.patients.add(file.unit);
}

export function createMemoryEhrDatabase(options: { readonly model: EhrModel }): EhrDatabase {
  const { model } = options;

  function answer(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw toSyncError(signal.reason);
    if (model.fault.unreachable) throw new SyncError('source_unreachable');
  }

  return {
    async check(signal) {
      answer(signal);
    },

    readFiles: (selection, signal) => readFiles(model, selection, () => answer(signal)),

    async presence(references, signal) {
      answer(signal);
      const wanted = new Set(references);
      const found = new Map(references.map((reference): [Reference, Presence] => [reference, { state: 'absent' }]));
      for (const file of model.files.values()) {
        if (!wanted.has(file.reference)) continue;
        // Two rows of one reference: a present one outweighs a deleted one.
        if (found.get(file.reference)?.state === 'present') continue;
        found.set(file.reference, { state: file.deleted ? 'deleted' : 'present', unit: file.unit });
      }
      return found;
    },

    async activatedPatients(signal) {
      answer(signal);
      if (model.activated === null) throw new SyncError('source_mapping');
      return new Set(model.activated);
    },

    async patients(after, signal) {
      answer(signal);
      const files = new Map([...model.files.values()].map((file) => [file.unit, file]));
      const units = [...model.patients].sort(compareBytes).filter((unit) => after === null || unit > after);
      const part = units.slice(0, PATIENTS_AT_ONCE);
      const patients = part.map((unit) => ({
        unit,
        ownerUuid: files.get(unit)?.ownerUuid ?? null,
        patientName: files.get(unit)?.patientName ?? null,
        dateOfBirth: null,
        gender: null,
      }));
      return { patients, next: units.length > part.length ? (part.at(-1) ?? null) : null };
    },

    async absentPatients(units, signal) {
      answer(signal);
      return new Set(units.filter((unit) => !model.patients.has(unit)));
    },

    async close() {},
  };
}

/** One snapshot, taken when the first row is asked for. */
function readFiles(model: EhrModel, selection: FilesetSelection, answer: () => void): FileRead {
  let summary: { rowsRead: number; rowsExpected: number; unlinkable: number } | null = null;
  return {
    async *[Symbol.asyncIterator]() {
      answer();
      const rows = [...model.files.values()]
        .filter((file) => selection === 'all' || selection.has(file.unit))
        .sort(compareKeys);
      const unlinkable = selection === 'all' ? model.unlinkable : 0;
      let rowsRead = 0;
      for (const row of rows) {
        answer();
        if (rowsRead === model.fault.endsAfter) break;
        rowsRead++;
        yield row;
      }
      const rowsExpected = rows.length + (model.fault.countOff ?? 0);
      summary = { rowsRead, rowsExpected, unlinkable };
    },
    summary() {
      if (summary === null) throw new SyncError('source_incomplete');
      return summary;
    },
  };
}
