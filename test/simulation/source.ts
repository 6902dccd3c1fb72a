/** The database of a practice as the connector meets it: the real reader over simulated tables, with the faults of a server. */
import { createEhrReader } from '../../src/connectors/vsrx/ehr-reader.ts';
import type { EhrDriver, EhrSession, SourceRows } from '../../src/connectors/vsrx/ehr-session.ts';
import { resolveMapping, type TableMapping } from '../../src/connectors/vsrx/mapping.ts';
import { SyncError } from '../../src/domain/errors.ts';
import type { EhrDatabase } from '../../src/ports/ehr-database.ts';
import { answer, DIALECT, type Row, type Tables } from './tables.ts';

export interface SourceFault {
  /** No call is answered. */
  unreachable?: boolean;
  /** A read ends after so many rows, without an error. */
  endsAfter?: number;
  /** Added to what the source says it counted. */
  countOff?: number;
}

export interface SimulatedSource {
  /** IANA zone of the clock that stamps its rows. */
  readonly timeZone: string;
  readonly fault: SourceFault;
  /** As they are now. */
  tables(): Tables;
}

export function createSimulatedSource(source: SimulatedSource): EhrDatabase {
  const mapping = mappingOf(source.timeZone);
  const driver = driverOf(source);
  return {
    ...createEhrReader({ driver, mapping }),
    // Tables and columns are compared with the server's own catalogue, which is the adapters' business.
    async check(signal) {
      await (await driver.snapshot([], signal)).end();
    },
  };
}

const mappings = new Map<string, TableMapping>();

/** The same for all histories: to check it takes longer than many a read. */
function mappingOf(timeZone: string): TableMapping {
  const known = mappings.get(timeZone);
  if (known !== undefined) return known;
  const mapping = resolveMapping({ preset: 'vsrx', file: { deleted: 'deleted' } }, timeZone);
  mappings.set(timeZone, mapping);
  return mapping;
}

function driverOf(source: SimulatedSource): EhrDriver {
  return {
    dialect: DIALECT,
    async snapshot(_, signal): Promise<EhrSession> {
      const said = () => {
        if (signal?.aborted) throw new SyncError('cancelled');
        if (source.fault.unreachable) throw new SyncError('source_unreachable');
      };
      said();
      const tables = source.tables();
      const { endsAfter = Number.POSITIVE_INFINITY, countOff = 0 } = source.fault;
      let left = endsAfter;
      return {
        async query(sql, values = []) {
          said();
          const rows = answer(tables, sql, values);
          if (sql.includes('COUNT(*)')) return { ...rows, rows: miscounted(rows, countOff) };
          if (!sql.startsWith(FILES)) return rows;
          const shown = rows.rows.slice(0, left);
          left -= shown.length;
          return { ...rows, rows: shown };
        },
        async end() {},
        destroy() {},
      };
    },
    async close() {},
  };
}

/** How the statement begins that reads files. */
const FILES = 'SELECT candidates.candidate_id, ax_notes_attachments.id,';

function miscounted({ rows }: SourceRows, off: number): SourceRows['rows'] {
  const [first, ...rest] = rows;
  return first === undefined || Number(first.at(-1)) === 0
    ? rows
    : [[...first.slice(0, -1), Number(first.at(-1)) + off], ...rest];
}

/** The tables of the mapping `vsrx` for these rows. */
export function vsrxTables(
  patients: Iterable<string>,
  files: Iterable<{
    readonly sourceId: string;
    readonly unit: string;
    readonly reference: string;
    readonly path: string | null;
    readonly version: string;
    readonly wallClock: string;
    readonly deleted: boolean;
  }>,
): Tables {
  const ids = new Map<string, number>();
  for (const unit of patients) ids.set(unit, ids.size + 1);
  const attachments: Row[] = [];
  for (const file of files) {
    attachments.push({
      id: Number(file.sourceId),
      assessment_id: ids.get(file.unit) ?? null,
      // Half of the installations write them in capitals.
      file_uuid: file.reference.startsWith('id:') ? null : file.reference.toUpperCase(),
      file: file.path,
      description: file.version,
      datestamp: file.wallClock,
      deleted: file.deleted ? 1 : 0,
    });
  }
  const numbers = [...ids.entries()];
  return {
    staff: [{ staff_id: 1, silknoteUserUuid: 'aaaaaaaa-0000-4000-8000-00000000000a' }],
    candidates: numbers.map(([unit, id]) => ({ candidate_id: id, staff_id: 1, silknotePatientUuid: unit })),
    assessments: numbers.map(([, id]) => ({ assessment_id: id, candidate_id: id })),
    ax_notes_attachments: attachments,
  };
}
