/**
 * One complete reading of the files of an EHR database.
 *
 * Sorting a million wide rows is work for neither the clinic's server nor our memory, and no server normalises text as
 * JavaScript does. So the patients are read first, put in order here, and their files fetched in parts of some thousand
 * rows, each part sorted here: little memory, no sort and no long statement on the server, and the one byte order of
 * `compareBytes` whatever the collation. All statements see the same snapshot, and the next part is fetched while the
 * last one is used.
 */
import { SyncError } from '../../domain/errors.ts';
import { compareBytes } from '../../domain/reference.ts';
import type { FileRead, FileReadSummary, FilesetSelection, SourceFile } from '../../ports/ehr-database.ts';
import type { EhrSession, SourceRows } from './ehr-session.ts';
import { readFileRow, type SourcePatient, type SourceRow, textOf, unitOf } from './source-row.ts';
import type { ReadTime } from './source-time.ts';
import { type Dialect, FILE_COLUMNS, type Statements } from './sql.ts';

/** Up to here the wanted patients are looked up one by one, above it the whole patient table is read. */
const FEW_UNITS = 500;
/** Above 999 values MariaDB turns a list into a table and may lose sight of the index. */
const IDS_PER_STATEMENT = 999;
/** Small enough to be gone before the garbage collector keeps it for longer: 2,000 rows take 170 MB less than 10,000. */
const ROWS_PER_PART = 2000;
/**
 * Where an index is missing every part costs a reading of the whole table. That shows in rows per ms (with an index 100
 * to 250), and then the parts grow.
 */
const SLOW_ROWS_PER_MS = 50;
const LARGEST_PART = 8;

export interface FileReadOptions {
  /** Opens the snapshot. */
  readonly open: () => Promise<EhrSession>;
  readonly statements: Statements;
  readonly dialect: Dialect;
  readonly readTime: ReadTime;
  readonly selection: FilesetSelection;
  readonly signal: AbortSignal | undefined;
}

type LinkedPatient = SourcePatient & { readonly unit: string };
type Kind = 'number' | 'uuid' | 'text';

interface Patients {
  /** By primary key as text. */
  readonly linked: ReadonlyMap<string, LinkedPatient>;
  readonly kind: Kind;
}

interface Part {
  /** In byte order. */
  readonly units: readonly string[];
  readonly patientIds: readonly string[];
}

/** @returns a read that can be iterated once */
export function createFileRead(options: FileReadOptions): FileRead {
  let summary: FileReadSummary | null = null;
  let started = false;
  return {
    [Symbol.asyncIterator]() {
      if (started) throw new SyncError('unexpected', { detail: 'A read of source files can be used once.' });
      started = true;
      return readAll(options, (result) => {
        summary = result;
      });
    },
    summary() {
      if (summary === null) throw new SyncError('source_incomplete', { detail: 'The read has not ended.' });
      return summary;
    },
  };
}

async function* readAll(
  options: FileReadOptions,
  done: (summary: FileReadSummary) => void,
): AsyncGenerator<SourceFile, void, undefined> {
  const session = await options.open();
  let ended = false;
  try {
    const patients = await readPatients(session, options);
    const counted = await countFiles(session, options, patients);
    let rowsRead = 0;
    for await (const { rows, part } of fetchParts(session, options, patients, counted.byPatient)) {
      rowsRead += rows.rows.length;
      yield* inOrder(rows, part, patients.linked, options);
    }
    await session.end();
    ended = true;
    done({ rowsRead, rowsExpected: counted.linkable, unlinkable: counted.unlinkable });
  } finally {
    if (!ended) session.destroy();
  }
}

async function readPatients(session: EhrSession, options: FileReadOptions): Promise<Patients> {
  const { selection, statements } = options;
  const wanted = selection === 'all' ? null : new Set([...selection].map((unit) => unitOf(unit)));
  const lookUp = wanted !== null && wanted.size <= FEW_UNITS;
  const where = lookUp ? statements.patientsOfUnits([...wanted].filter((unit) => unit !== null)) : undefined;
  const select = statements.patients(where);
  const { rows, columns } = await session.query(select.sql, select.values);
  const linked = new Map<string, LinkedPatient>();
  const owners = new Map<string, string>();
  for (const [idValue, uuid, name, ownerUuid] of rows) {
    const id = textOf(idValue);
    const unit = unitOf(textOf(uuid));
    if (id === null || unit === null || (wanted && !wanted.has(unit))) continue;
    if (linked.has(id)) {
      throw new SyncError('source_mapping', { detail: 'The patient or owner column named as id is not unique.' });
    }
    const owner = unitOf(textOf(ownerUuid));
    // Many patients have the same owner: one text for all of them.
    if (owner !== null && !owners.has(owner)) owners.set(owner, owner);
    linked.set(id, { unit, name: textOf(name), ownerUuid: owner === null ? null : owners.get(owner)! });
  }
  return { linked, kind: columns[0]?.kind ?? 'text' };
}

interface Counted {
  readonly byPatient: ReadonlyMap<string, number>;
  readonly linkable: number;
  readonly unlinkable: number;
}

async function countFiles(session: EhrSession, options: FileReadOptions, patients: Patients): Promise<Counted> {
  const { statements, dialect, selection } = options;
  const byPatient = new Map<string, number>();
  let linkable = 0;
  let others = 0;
  const add = (rows: readonly SourceRow[]) => {
    for (const [idValue, count] of rows) {
      const id = textOf(idValue);
      if (id !== null && patients.linked.has(id)) {
        byPatient.set(id, Number(count));
        linkable += Number(count);
      } else others += Number(count);
    }
  };
  if (selection !== 'all' && patients.linked.size <= FEW_UNITS) {
    const ids = [...patients.linked.keys()];
    for (let i = 0; i < ids.length; i += IDS_PER_STATEMENT) {
      const where = dialect.anyOf(statements.patientId, ids.slice(i, i + IDS_PER_STATEMENT), patients.kind);
      const select = statements.counts(where);
      add((await session.query(select.sql, select.values)).rows);
    }
    return { byPatient, linkable, unlinkable: 0 };
  }
  add((await session.query(statements.counts(null).sql)).rows);
  if (selection !== 'all') return { byPatient, linkable, unlinkable: 0 };
  const total = Number((await session.query(statements.fileCount().sql)).rows[0]?.[0]);
  if (total !== linkable + others) {
    throw new SyncError('source_mapping', {
      detail: `The join path leads from ${total} files to ${linkable + others} rows: a column it joins is not unique.`,
    });
  }
  return { byPatient, linkable, unlinkable: others };
}

/** Fetches one part ahead of the consumer. */
async function* fetchParts(
  session: EhrSession,
  options: FileReadOptions,
  patients: Patients,
  counts: ReadonlyMap<string, number>,
): AsyncGenerator<{ rows: SourceRows; part: Part }> {
  const { statements, dialect } = options;
  let size = 1;
  const parts = planParts(patients.linked, counts, () => size);

  const fetchNext = () => {
    const next = parts.next();
    if (next.done) return null;
    const part = next.value;
    const select = statements.files(dialect.anyOf(statements.patientId, part.patientIds, patients.kind));
    const startedAt = performance.now();
    const answer = session.query(select.sql, select.values).then((rows) => {
      const rowsPerMs = rows.rows.length / (performance.now() - startedAt);
      if (rowsPerMs < SLOW_ROWS_PER_MS) size = Math.min(size * 2, LARGEST_PART);
      return { rows, part };
    });
    // When the consumer stops, nobody waits for the part that was fetched ahead.
    answer.catch(() => {});
    return answer;
  };

  let ahead = fetchNext();
  while (ahead !== null) {
    const fetched = await ahead;
    ahead = fetchNext();
    yield fetched;
  }
}

/**
 * Cuts the units, in byte order, into parts; a unit is never divided. Patients without files are left out.
 * @param size of the next part, in multiples of the usual one
 */
function* planParts(
  patients: ReadonlyMap<string, LinkedPatient>,
  counts: ReadonlyMap<string, number>,
  size: () => number,
): Generator<Part, void, undefined> {
  const idsOfUnit = new Map<string, string[]>();
  for (const [id, { unit }] of patients) {
    if (!counts.has(id)) continue;
    const ids = idsOfUnit.get(unit);
    if (ids) ids.push(id);
    else idsOfUnit.set(unit, [id]);
  }
  let units: string[] = [];
  let patientIds: string[] = [];
  let rows = 0;
  for (const unit of [...idsOfUnit.keys()].sort(compareBytes)) {
    units.push(unit);
    for (const id of idsOfUnit.get(unit)!) {
      patientIds.push(id);
      rows += counts.get(id) ?? 0;
    }
    if (rows < ROWS_PER_PART * size() && patientIds.length < IDS_PER_STATEMENT * size()) continue;
    yield { units, patientIds };
    units = [];
    patientIds = [];
    rows = 0;
  }
  if (units.length > 0) yield { units, patientIds };
}

function* inOrder(
  { rows, columns }: SourceRows,
  part: Part,
  patients: ReadonlyMap<string, LinkedPatient>,
  { readTime, signal }: FileReadOptions,
): Generator<SourceFile, void, undefined> {
  const isUtc = {
    createdAt: columns[FILE_COLUMNS.createdAt]?.isUtc ?? false,
    updatedAt: columns[FILE_COLUMNS.updatedAt]?.isUtc ?? false,
  };
  const rowsOfUnit = new Map<string, SourceRow[]>(part.units.map((unit) => [unit, []]));
  for (const row of rows) rowsOfUnit.get(patients.get(textOf(row[FILE_COLUMNS.patient])!)!.unit)!.push(row);
  for (const unit of part.units) {
    if (signal?.aborted) throw new SyncError('cancelled');
    const files = rowsOfUnit
      .get(unit)!
      .map((row) => readFileRow(row, patients.get(textOf(row[FILE_COLUMNS.patient])!)!, readTime, isUtc))
      .sort((a, b) => compareBytes(a.reference, b.reference));
    rowsOfUnit.delete(unit);
    for (let i = 1; i < files.length; i++) {
      if (files[i]!.reference !== files[i - 1]!.reference) continue;
      const ids = [files[i - 1]!.sourceId, files[i]!.sourceId].join(' and ');
      throw new SyncError('source_order', {
        detail: `The files with the ids ${ids} of one patient have the same UUID.`,
      });
    }
    yield* files;
  }
}
