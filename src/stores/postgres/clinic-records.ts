/** `ClinicRecords` on PostgreSQL. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { ClinicRecord, HiddenKind, RecordStream } from '../../domain/clinic.ts';
import { storedReference } from '../../domain/reference.ts';
import type { ClinicRecords, StoredRecord, StreamState } from '../../ports/clinic-records.ts';
import type { ConnectionKey, Fence } from '../../ports/document-records.ts';
import { computeActivity } from './clinic-activity.ts';
import {
  dueOf,
  dueOfGroups,
  idsOf,
  noteActivity,
  ofConnection,
  patientColumn,
  renameTypes,
  touchGroups,
  touchGroupsOf,
  touchPlaces,
} from './clinic-effects.ts';
import { COMMON_COLUMNS, rowOf, STREAM_TABLES, type StreamTable } from './clinic-rows.ts';
import type { Database } from './database.ts';
import { ask, isDuplicate } from './database-error.ts';
import { removeWithAttachments } from './document-removal.ts';
import { addEffects } from './effects.ts';
import { holdFence } from './fence.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const PAGE = 5000;

interface Names {
  readonly table: RawBuilder<unknown>;
  readonly reference: RawBuilder<unknown>;
  /** Rows of the stream among those of the table. */
  readonly only: RawBuilder<unknown>;
}

function namesOf(stream: RecordStream): Names {
  const { table, reference, only } = STREAM_TABLES[stream];
  return { table: sql.table(table), reference: sql.ref(reference), only: sql.raw(only === '' ? 'true' : only) };
}

export function createClinicRecords(database: Database): ClinicRecords {
  const write = <T>(fence: Fence, work: (trx: Trx) => Promise<T>): Promise<T> =>
    database.transaction(async (trx) => {
      await holdFence(trx, fence);
      return work(trx);
    });

  return {
    account: (key) =>
      ask(async () => {
        const { rows } = await sql<{ account: string | null; user: string }>`
          SELECT account, user_reference AS "user" FROM source_accounts WHERE ${ofConnection(key)}`.execute(
          database.kysely,
        );
        return rows[0] ?? null;
      }),

    rememberAccount: (fence, { account, user }) =>
      write(fence, async (trx) => {
        await sql`
          INSERT INTO source_accounts (organization_id, connection_id, account, user_reference)
          VALUES (${fence.organizationId}, ${fence.connectionId}, ${account}, ${user})
          ON CONFLICT (organization_id, connection_id) DO UPDATE
            SET account = excluded.account, user_reference = excluded.user_reference`.execute(trx);
      }),

    finishedUnits: (fence) =>
      ask(async () => {
        const { rows } = await sql<{ unit: RecordStream }>`
          SELECT unit FROM sync_run_units
          WHERE organization_id = ${fence.organizationId} AND run_id = ${fence.runId} AND outcome = 'success'`.execute(
          database.kysely,
        );
        return new Set(rows.map((row) => row.unit));
      }),

    streamState: (key, stream) =>
      ask(async () => {
        const { rows } = await sql<StateRow>`
          SELECT cursor_at, read_ms, unfinished, complete_items FROM stream_states
          WHERE ${ofConnection(key)} AND stream = ${stream}`.execute(database.kysely);
        const row = rows[0];
        return {
          cursor: row?.cursor_at?.toISOString() ?? null,
          readMs: Number(row?.read_ms ?? 0),
          unfinished: row?.unfinished ?? null,
          completeItems: row?.complete_items == null ? null : Number(row.complete_items),
        };
      }),

    find: (key, stream, references) =>
      ask(async () => {
        if (references.length === 0) return new Map();
        const { table, reference } = namesOf(stream);
        const { rows } = await sql<RecordRow>`
          WITH found AS MATERIALIZED (SELECT * FROM ${table} WHERE id = ANY (${idsOf(key, stream, references)}::uuid[]))
          SELECT ${reference} AS reference, id, fingerprint, missing_since, kept_since, removed_at, ${hiddenOf(stream)} AS hidden
          FROM found
          WHERE ${ofConnection(key)}`.execute(database.kysely);
        return new Map(rows.map((row) => [row.reference, storedRecord(stream, row)]));
      }),

    isEmpty: (key, stream) =>
      ask(async () => {
        const { table } = namesOf(stream);
        const { rows } = await sql`SELECT 1 FROM ${table} WHERE ${ofConnection(key)} LIMIT 1`.execute(database.kysely);
        return rows.length === 0;
      }),

    async write(fence, stream, changes, state, at) {
      const attempt = (neverStored: boolean) =>
        write(fence, async (trx) => {
          // A page that a power cut takes away takes its checkpoint with it; waiting for the disk each time would buy nothing.
          if (state.cursor === undefined) await sql`SET LOCAL synchronous_commit = off`.execute(trx);
          const records = [...changes.added, ...changes.updated];
          const before = neverStored ? [] : records.map((record) => record.reference);
          if (records.length > 0) {
            await noteActivity(trx, fence, stream, records, before);
            if (stream === 'attendees') await touchGroupsOf(trx, fence, records, before, at);
            if (stream === 'businesses') await touchPlaces(trx, fence, records, at);
            await upsert(trx, fence, stream, records, at, neverStored);
            if (stream === 'appointment_types' && changes.updated.length > 0) {
              await renameTypes(
                trx,
                fence,
                changes.updated.map((record) => record.reference),
                at,
              );
            }
            // An attachment is counted when its document is here.
            if (stream !== 'patient_attachments')
              await addEffects(trx, fence, { added: changes.added.length, updated: changes.updated.length });
          }
          await moveState(trx, fence, stream, state, at);
        });
      if (changes.neverStored !== true) return attempt(false);
      try {
        await attempt(true);
      } catch (error) {
        // The caller was mistaken: perhaps this very write is done already, and only its answer was lost.
        if (!isDuplicate(error)) throw error;
        await attempt(false);
      }
    },

    async *stored(key, stream, signal) {
      const { table, reference, only } = namesOf(stream);
      for (let after = ''; ; ) {
        signal?.throwIfAborted();
        const rows = await ask(
          async () =>
            (
              await sql<RecordRow>`
                SELECT ${reference} AS reference, id, fingerprint, missing_since, kept_since, removed_at,
                       ${hiddenOf(stream)} AS hidden
                FROM ${table}
                WHERE ${ofConnection(key)} AND ${only} AND removed_at IS NULL AND ${reference} > ${after}
                ORDER BY ${reference} LIMIT ${PAGE}`.execute(database.kysely)
            ).rows,
        );
        for (const row of rows) yield storedRecord(stream, row);
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        after = last.reference;
      }
    },

    count: (key, stream) =>
      ask(async () => {
        const { table, only } = namesOf(stream);
        const { rows } = await sql<{ count: number }>`
          SELECT count(*)::int AS count FROM ${table}
          WHERE ${ofConnection(key)} AND ${only} AND removed_at IS NULL`.execute(database.kysely);
        return rows[0]?.count ?? 0;
      }),

    markMissing: (fence, stream, references, at) =>
      write(fence, async (trx) => {
        const { table, only } = namesOf(stream);
        await sql`
          UPDATE ${table} SET missing_since = coalesce(missing_since, ${new Date(at)})
          WHERE ${ofConnection(fence)} AND ${only} AND removed_at IS NULL
            AND id = ANY (${idsOf(fence, stream, references)}::uuid[])`.execute(trx);
      }),

    clearMissing: (fence, stream, references) =>
      write(fence, async (trx) => {
        const { table, only } = namesOf(stream);
        await sql`
          UPDATE ${table} SET missing_since = NULL, kept_since = NULL
          WHERE ${ofConnection(fence)} AND ${only} AND id = ANY (${idsOf(fence, stream, references)}::uuid[])`.execute(
          trx,
        );
      }),

    remove: (fence, stream, removals, at) =>
      write(fence, async (trx) => {
        if (removals.length === 0) return [];
        const { table, reference, only } = namesOf(stream);
        const patient = patientColumn(stream);
        const group = stream === 'attendees' ? sql`cliniko_appointment_id` : sql`NULL`;
        // What a person decided to keep meanwhile stays.
        const { rows } = await sql<RemovedRow>`
          UPDATE ${table} AS t
          SET removed_at = ${new Date(at)}, removed_reason = r.reason, removed_by_run = ${fence.runId},
              ${HAS_STATUS.has(stream) ? sql`status = 'deleted',` : sql``}
              deleted_at = coalesce(deleted_at, ${new Date(at)}), updated_at = ${new Date(at)}
          FROM unnest(${removals.map((r) => String(r.stored.reference))}::text[],
                      ${removals.map((r) => r.absence)}::text[]) AS r (ref, reason)
          WHERE ${ofConnection(fence)} AND ${only} AND removed_at IS NULL AND kept_since IS NULL AND ${reference} = r.ref
          RETURNING ${reference} AS reference, r.reason AS absence, ${patient === null ? sql`NULL` : sql.ref(patient)} AS patient,
                    ${group} AS "group"`.execute(trx);
        await dueOf(
          trx,
          fence,
          rows.flatMap((row) => row.patient ?? []),
        );
        if (stream === 'group_appointments')
          await dueOfGroups(
            trx,
            fence,
            rows.map((row) => row.reference),
          );
        if (stream === 'attendees') await touchGroups(trx, fence, new Set(rows.flatMap((row) => row.group ?? [])), at);
        if (stream === 'patient_attachments') await removeWithAttachments(trx, fence, rows, at);
        await addEffects(trx, fence, { removed: rows.length });
        return rows.map((row) => row.reference);
      }),

    computeActivity: (fence, at, all) => write(fence, (trx) => computeActivity(trx, fence, at, all)),

    finishUnit: (fence, unit, at) =>
      write(fence, async (trx) => {
        await sql`
          INSERT INTO sync_run_units (organization_id, run_id, unit, outcome, counts, errors, finished_at)
          VALUES (${fence.organizationId}, ${fence.runId}, ${unit.stream}, ${unit.outcome},
                  ${JSON.stringify(unit.counts)}::jsonb, ${JSON.stringify(unit.errors.map((code) => ({ code })))}::jsonb,
                  ${new Date(at)})
          ON CONFLICT (run_id, unit) DO UPDATE
            SET outcome = excluded.outcome, counts = excluded.counts, errors = excluded.errors,
                finished_at = excluded.finished_at`.execute(trx);
      }),
  };
}

/** Lists whose records say how they are. */
const HAS_STATUS: ReadonlySet<RecordStream> = new Set(['individual_appointments', 'group_appointments', 'attendees']);

interface StateRow {
  cursor_at: Date | null;
  read_ms: string;
  unfinished: StreamState['unfinished'];
  complete_items: string | null;
}

interface RecordRow {
  reference: string;
  id: string;
  fingerprint: string;
  missing_since: Date | null;
  kept_since: Date | null;
  removed_at: Date | null;
  hidden: HiddenKind[];
}

interface RemovedRow {
  reference: string;
  absence: string;
  patient: string | null;
  group: string | null;
}

function storedRecord(stream: RecordStream, row: RecordRow): StoredRecord {
  return {
    stream,
    unit: stream,
    reference: storedReference(row.reference),
    documentUuid: row.id,
    fingerprint: row.fingerprint,
    missingSince: row.missing_since?.getTime() ?? null,
    kept: row.kept_since !== null,
    removed: row.removed_at !== null,
    hidden: row.hidden,
  };
}

/** What the source said of the row, as an array; not what we did with it. */
function hiddenOf(stream: RecordStream) {
  const { columns } = STREAM_TABLES[stream];
  const kinds = [
    ...(Object.hasOwn(columns, 'archived_at') ? [sql`CASE WHEN archived_at IS NOT NULL THEN 'archived' END`] : []),
    ...(Object.hasOwn(columns, 'cancelled_at') ? [sql`CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled' END`] : []),
    sql`CASE WHEN deleted_at IS NOT NULL AND removed_at IS NULL THEN 'deleted' END`,
  ];
  return sql`array_remove(ARRAY[${sql.join(kinds)}]::text[], NULL)`;
}

/** A record that was removed and is back is live again. */
async function upsert(
  trx: Trx,
  fence: Fence,
  stream: RecordStream,
  records: readonly ClinicRecord[],
  at: number,
  neverStored: boolean,
): Promise<void> {
  const table = STREAM_TABLES[stream] as StreamTable;
  const types = { ...COMMON_COLUMNS, [table.reference]: 'text', ...table.columns };
  const columns = Object.keys(types);
  const list = sql.join(columns.map((name) => sql.ref(name)));
  const typed = sql.join(Object.entries(types).map(([name, type]) => sql`${sql.ref(name)} ${sql.raw(type)}`));
  const key = new Set(['id', 'organization_id', 'connection_id', table.reference]);
  const sets = columns
    .filter((name) => !key.has(name))
    .map((name) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`);
  const now = new Date(at).toISOString();
  const rows = JSON.stringify(records.map((record) => rowOf(record, fence, now)));
  const named = table.table === 'appointments';
  // To be ready for a conflict costs a fifth of the time.
  const onConflict = sql`
    ON CONFLICT (organization_id, connection_id, ${sql.ref(table.reference)}) DO UPDATE
      SET ${sql.join(sets)}${named ? sql`, type = excluded.type` : sql``}, missing_since = NULL, kept_since = NULL, removed_at = NULL, removed_reason = NULL,
          removed_by_run = NULL, updated_at = ${new Date(at)}`;
  await sql`
    INSERT INTO ${sql.table(table.table)} (${list}, updated_at${named ? sql`, type` : sql``})
    SELECT ${list}, ${new Date(at)}::timestamptz${named ? sql`, (${typeName(fence)})` : sql``} FROM jsonb_to_recordset(${rows}::jsonb) AS r (${typed})
    ${neverStored ? sql`` : onConflict}`.execute(trx);
}

/** Applications read the name of the type with the appointment; it is copied there, and again when it changes. */
function typeName(key: ConnectionKey) {
  return sql`
    SELECT y.name FROM appointment_types AS y
    WHERE y.organization_id = ${key.organizationId} AND y.connection_id = ${key.connectionId}
      AND y.cliniko_appointment_type_id = r.cliniko_appointment_type_id`;
}

async function moveState(
  trx: Trx,
  fence: Fence,
  stream: RecordStream,
  state: Partial<StreamState>,
  at: number,
): Promise<void> {
  if (Object.keys(state).length === 0) return;
  const { cursor, readMs, unfinished, completeItems } = state;
  await sql`
    INSERT INTO stream_states AS s (organization_id, connection_id, stream, cursor_at, read_ms, unfinished, complete_items, complete_at)
    VALUES (${fence.organizationId}, ${fence.connectionId}, ${stream}, ${cursor ?? null}::timestamptz, ${Math.round(readMs ?? 0)},
            ${unfinished == null ? null : JSON.stringify(unfinished)}::jsonb, ${completeItems ?? null}::bigint,
            ${completeItems == null ? null : new Date(at)}::timestamptz)
    ON CONFLICT (organization_id, connection_id, stream) DO UPDATE
      SET cursor_at = CASE WHEN ${cursor !== undefined}::boolean THEN excluded.cursor_at ELSE s.cursor_at END,
          read_ms = CASE WHEN ${readMs !== undefined}::boolean THEN excluded.read_ms ELSE s.read_ms END,
          unfinished = CASE WHEN ${unfinished !== undefined}::boolean THEN excluded.unfinished ELSE s.unfinished END,
          complete_items = coalesce(excluded.complete_items, s.complete_items),
          complete_at = coalesce(excluded.complete_at, s.complete_at)`.execute(trx);
}
