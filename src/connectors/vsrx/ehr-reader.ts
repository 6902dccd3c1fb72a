/** The {@link EhrDatabase} over any driver that can hold a snapshot. */
import { SyncError } from '../../domain/errors.ts';
import { fileReference, type Reference } from '../../domain/reference.ts';
import type { EhrDatabase, Presence, SourcePatient, SourcePatients } from '../../ports/ehr-database.ts';
import { checkMapping } from './ehr-check.ts';
import type { EhrDriver, EhrSession, SourceColumn } from './ehr-session.ts';
import { createFileRead } from './file-read.ts';
import { requiredColumns, type TableMapping } from './mapping.ts';
import { birthDateOf, isTrue, type SourceRow, textOf, unitOf } from './source-row.ts';
import { createTimeReader } from './source-time.ts';
import { ACTIVATION, activationStatement, type Condition, createStatements } from './sql.ts';

const VALUES_PER_STATEMENT = 500;
const PATIENTS_AT_ONCE = 20_000;
const ID_REFERENCE = 'id:';

export interface EhrReaderOptions {
  readonly driver: EhrDriver;
  readonly mapping: TableMapping;
  /** `check` also wants the source's own record of who is activated. Default false. */
  readonly checkActivation?: boolean;
}

export function createEhrReader(options: EhrReaderOptions): EhrDatabase {
  const { driver, mapping } = options;
  const { dialect } = driver;
  const statements = createStatements(mapping, dialect);
  const readTime = createTimeReader(mapping.sourceTimeZone);
  const tables = [...requiredColumns(mapping).keys()];

  async function within<T>(
    wanted: readonly string[],
    signal: AbortSignal | undefined,
    work: (session: EhrSession) => Promise<T>,
  ): Promise<T> {
    const session = await driver.snapshot(wanted, signal);
    try {
      const result = await work(session);
      await session.end();
      return result;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  return {
    check: (signal) =>
      checkMapping({
        driver,
        mapping,
        activation: options.checkActivation ?? false,
        within: (wanted, work) => within(wanted, signal, work),
      }),

    readFiles: (selection, signal) =>
      createFileRead({ open: () => driver.snapshot(tables, signal), statements, dialect, readTime, selection, signal }),

    presence: (references, signal) =>
      references.length === 0
        ? Promise.resolve(new Map())
        : within(tables, signal, (session) => lookUp(session, references)),

    activatedPatients: (signal) =>
      within([ACTIVATION.table], signal, async (session) => {
        const { rows } = await session.query(activationStatement(dialect));
        const active = rows.filter((row) => isTrue(row[1])).map((row) => unitOf(textOf(row[0])));
        return new Set(active.filter((unit) => unit !== null));
      }),

    patients: (after, signal) => {
      const wanted = [mapping.patient.table, ...(mapping.owner ? [mapping.owner.table] : [])];
      return within(wanted, signal, (session) => readPatients(session, after));
    },

    absentPatients: (units, signal) =>
      units.length === 0
        ? Promise.resolve(new Set<string>())
        : within([mapping.patient.table], signal, async (session) => {
            const few = units.length <= VALUES_PER_STATEMENT;
            const wanted = units.map((unit) => unitOf(unit) ?? '');
            const select = statements.patientUuids(few ? statements.patientsOfUnits(wanted) : undefined);
            const { rows } = await session.query(select.sql, select.values);
            const there = new Set(rows.map((row) => unitOf(textOf(row[0]))));
            return new Set(units.filter((unit) => !there.has(unitOf(unit))));
          }),

    close: () => driver.close(),
  };

  async function readPatients(session: EhrSession, after: string | null): Promise<SourcePatients> {
    let from: Condition | null = null;
    if (after !== null) {
      const [id] = (await session.query(statements.patientsInOrder(null, 0).sql)).columns;
      from = dialect.above(statements.patientId, after, id?.kind ?? 'text');
    }
    const select = statements.patientsInOrder(from, PATIENTS_AT_ONCE);
    const { rows } = await session.query(select.sql, select.values);
    const patients: SourcePatient[] = [];
    let last: string | null = null;
    for (const [id, uuid, name, ownerUuid, born, gender] of rows) {
      // Rows without an id are first in one server's order, and last in the other's.
      last = textOf(id) ?? last;
      const unit = unitOf(textOf(uuid));
      if (unit === null) continue;
      patients.push({
        unit,
        ownerUuid: unitOf(textOf(ownerUuid)),
        patientName: textOf(name),
        dateOfBirth: birthDateOf(textOf(born)),
        gender: textOf(gender)?.trim() || null,
      });
    }
    return { patients, next: rows.length < PATIENTS_AT_ONCE ? null : last };
  }

  /**
   * Looks with the indexes first. What they do not find is searched again in every spelling, because "absent" lets a
   * document be removed and the source may have changed nothing but the case of a UUID.
   */
  async function lookUp(
    session: EhrSession,
    references: readonly Reference[],
  ): Promise<ReadonlyMap<Reference, Presence>> {
    const kinds = (await session.query(statements.kinds().sql)).columns;
    const found = new Map<Reference, Presence>();
    const ask = async (values: readonly string[], condition: (part: readonly string[]) => Condition) => {
      for (let i = 0; i < values.length; i += VALUES_PER_STATEMENT) {
        const select = statements.presence(condition(values.slice(i, i + VALUES_PER_STATEMENT)));
        const { rows } = await session.query(select.sql, select.values);
        for (const row of rows) note(found, row);
      }
    };
    const kindAt = (position: number): SourceColumn['kind'] => kinds[position]?.kind ?? 'text';
    const ids = references.filter((r) => r.startsWith(ID_REFERENCE)).map((r) => r.slice(ID_REFERENCE.length));
    const uuids = references.filter((r) => !r.startsWith(ID_REFERENCE));
    await ask(ids, (part) => dialect.anyOf(statements.fileId, part, kindAt(1)));
    const { fileUuid } = statements;
    if (fileUuid !== null) {
      const spellings = uuids.flatMap((r) => [r, r.toUpperCase()]);
      await ask(spellings, (part) => dialect.anyOf(fileUuid, part, kindAt(2)));
      const missed = uuids.filter((r) => !found.has(r));
      await ask(missed, (part) => statements.filesOfUuids(part));
    }
    return new Map(references.map((r) => [r, found.get(r) ?? { state: 'absent' }]));
  }
}

function note(found: Map<Reference, Presence>, [id, uuid, patientUuid, deleted]: SourceRow): void {
  const sourceId = textOf(id);
  if (sourceId === null) throw new SyncError('source_mapping', { detail: 'A file has no id.' });
  const reference = fileReference(textOf(uuid), sourceId);
  const unit = unitOf(textOf(patientUuid));
  const state = isTrue(deleted) ? 'deleted' : 'present';
  const known = found.get(reference);
  if (known === undefined || known.state === 'absent' || (known.state === 'deleted' && state === 'present')) {
    found.set(reference, { state, unit });
  } else if (known.state === state && known.unit !== unit) {
    // Kept by two patients at once: nobody can say whose it is, so it may be taken from neither.
    found.set(reference, { state, unit: null });
  }
}
