/** `ConsultationBook` on PostgreSQL. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import {
  CONSULTATION_UNIT,
  type Consultation,
  consultationFingerprint,
  type StoredConsultation,
} from '../../domain/consultations.ts';
import { normaliseUuid, storedReference } from '../../domain/reference.ts';
import type {
  ConsultationBook,
  ConsultationCounts,
  ConsultationEntry,
  QuarantinedConsultation,
} from '../../ports/consultation-book.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import { settleCases } from './case-rows.ts';
import { forClinic } from './clinic-config.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { addEffects } from './effects.ts';
import { msOf } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export function createConsultationBook(database: Database): ConsultationBook {
  const db = database.kysely;
  return {
    stored: (key, window, references) =>
      reading(key, [], async () => {
        const { rows } = await sql<StoredRow>`
          SELECT c.id, c.neo_consultation_id AS reference, c.fingerprint, c.kept_since IS NOT NULL AS kept,
                 c.deleted_at IS NOT NULL AS deleted
          FROM consultations AS c
          WHERE ${ofClinic(key)}
            AND ((c.date BETWEEN ${window.from} AND ${window.to} AND c.deleted_at IS NULL)
                 OR c.neo_consultation_id = ANY (${references}::text[]))
          ORDER BY c.neo_consultation_id`.execute(db);
        return rows.map(storedConsultation);
      }),
    write: (fence, clinicId, consultations) =>
      forClinic(database, fence, clinicId, (trx, key) => write(trx, fence, key, consultations)),
    remove: (fence, clinicId, removals) =>
      forClinic(database, fence, clinicId, async (trx, key) => {
        // What a person decided to keep meanwhile stays.
        const { rows } = await sql<{ reference: string }>`
          UPDATE consultations AS c
          SET deleted_at = now(), deleted_reason = r.reason, deleted_by_run = ${fence.runId}, updated_at = now()
          FROM unnest(${removals.map((r) => r.stored.documentUuid)}::uuid[],
                      ${removals.map((r) => r.stored.fingerprint)}::text[],
                      ${removals.map((r) => `source:${r.absence}`)}::text[]) AS r (id, fingerprint, reason)
          WHERE ${ofClinic(key)} AND c.id = r.id AND c.fingerprint = r.fingerprint AND c.deleted_at IS NULL
            AND c.kept_since IS NULL
          RETURNING c.neo_consultation_id AS reference`.execute(trx);
        await addEffects(trx, fence, { removed: rows.length });
        return rows.map((row) => row.reference);
      }),
    seenAgain: (fence, clinicId, references) =>
      forClinic(database, fence, clinicId, async (trx, key) => {
        await sql`
          UPDATE consultations AS c SET kept_since = NULL
          WHERE ${ofClinic(key)} AND c.kept_since IS NOT NULL
            AND c.neo_consultation_id = ANY (${references}::text[])`.execute(trx);
      }),
    link: (fence, clinicId) =>
      forClinic(database, fence, clinicId, async (trx, key) => {
        await findAppointments(trx, key);
        await settleCases(trx, key);
        const { rows } = await sql<QuarantinedConsultation>`
          SELECT c.neo_consultation_id AS reference, c.quarantine_reason AS reason,
                 c.neo_appointment_id AS "neoAppointmentId", c.date::text AS date
          FROM consultations AS c
          WHERE ${ofClinic(key)} AND c.deleted_at IS NULL AND c.quarantine_reason IS NOT NULL
          ORDER BY c.neo_consultation_id`.execute(trx);
        return rows;
      }),
    counts: (key) =>
      reading(key, NONE, async () => {
        const { rows } = await sql<ConsultationCounts>`
          SELECT count(*) FILTER (WHERE c.quarantine_reason IS NULL)::int AS linked,
                 count(*) FILTER (WHERE c.quarantine_reason = 'no_appointment_id')::int AS "noAppointmentId",
                 count(*) FILTER (WHERE c.quarantine_reason = 'appointment_unknown')::int AS "appointmentUnknown"
          FROM consultations AS c WHERE ${ofClinic(key)} AND c.deleted_at IS NULL`.execute(db);
        return rows[0] ?? NONE;
      }),
    list: (query) =>
      reading(query, { items: [], next: null }, async () => {
        const { from, to, state, limit, after } = query;
        const conditions: RawBuilder<unknown>[] = [
          ofClinic(query),
          sql`c.deleted_at IS NULL`,
          ...(from === undefined ? [] : [sql`c.date >= ${from}::date`]),
          ...(to === undefined ? [] : [sql`c.date <= ${to}::date`]),
          ...(state === undefined ? [] : [sql`(c.quarantine_reason IS NULL) = ${state === 'linked'}`]),
          ...afterKey(after),
        ];
        const { rows } = await sql<ConsultationEntry>`
          SELECT c.id, c.neo_consultation_id AS "neoConsultationId", c.neo_appointment_id AS "neoAppointmentId",
                 ${msOf(sql`c.consulted_at`)} AS "consultedAt", c.date::text AS date, c.status, c.case_id AS "caseId",
                 c.quarantine_reason AS "quarantineReason"
          FROM consultations AS c WHERE ${sql.join(conditions, sql` AND `)}
          ORDER BY c.date, c.id LIMIT ${limit + 1}`.execute(db);
        const items = rows.slice(0, limit);
        const last = items.at(-1);
        return { items, next: rows.length > limit && last !== undefined ? [last.date, last.id] : null };
      }),
  };
}

const NONE: ConsultationCounts = { linked: 0, noAppointmentId: 0, appointmentUnknown: 0 };
const DATE = /^\d{4}-\d\d-\d\d$/;

function ofClinic(key: ClinicKey): RawBuilder<unknown> {
  return sql`c.organization_id = ${key.organizationId} AND c.clinic_id = ${key.clinicId}`;
}

function afterKey(after: readonly string[] | null): RawBuilder<unknown>[] {
  if (after === null) return [];
  const [date = '', id = ''] = after;
  return [
    DATE.test(date) && normaliseUuid(id) !== null ? sql`(c.date, c.id) > (${date}::date, ${id}::uuid)` : sql`false`,
  ];
}

async function reading<T>(key: ClinicKey, nothing: T, work: () => Promise<T>): Promise<T> {
  if (normaliseUuid(key.clinicId) === null) return nothing;
  try {
    return await work();
  } catch (error) {
    throw databaseError(error);
  }
}

interface StoredRow {
  id: string;
  reference: string;
  fingerprint: string;
  kept: boolean;
  deleted: boolean;
}

function storedConsultation({ id, reference, ...row }: StoredRow): StoredConsultation {
  return {
    ...row,
    unit: CONSULTATION_UNIT,
    reference: storedReference(reference),
    documentUuid: id,
    missingSince: null,
  };
}

async function write(
  trx: Trx,
  fence: Fence,
  key: ClinicKey,
  consultations: readonly Consultation[],
): Promise<{ added: number; updated: number }> {
  const column = <T>(pick: (consultation: Consultation) => T) => consultations.map(pick);
  const text = (value: string | null) => value?.replaceAll('\0', '') ?? null;
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value).replaceAll('\\u0000', ''));
  const { rows } = await sql<{ added: boolean }>`
    INSERT INTO consultations AS c
      (organization_id, clinic_id, synced_by_run, neo_consultation_id, neo_appointment_id, consulted_at, date, patient_name,
       client_name, provider_name, status, raw_status, clinical_notes, vitals, diagnoses, fingerprint)
    SELECT ${key.organizationId}, ${key.clinicId}, ${fence.runId}, n.*
    FROM unnest(
      ${column((c) => c.neoConsultationId)}::text[], ${column((c) => c.neoAppointmentId)}::text[],
      ${column((c) => new Date(c.consultedAt))}::timestamptz[], ${column((c) => c.date)}::date[],
      ${column((c) => text(c.patientName))}::text[], ${column((c) => text(c.clientName))}::text[],
      ${column((c) => text(c.providerName))}::text[], ${column((c) => c.status)}::text[],
      ${column((c) => text(c.rawStatus))}::text[], ${column((c) => text(c.notes))}::text[],
      ${column((c) => json(c.vitals))}::jsonb[], ${column((c) => json(c.diagnoses))}::jsonb[],
      ${column(consultationFingerprint)}::text[]) AS n
    ON CONFLICT (clinic_id, neo_consultation_id) DO UPDATE
      SET consulted_at = excluded.consulted_at, date = excluded.date, patient_name = excluded.patient_name,
          client_name = excluded.client_name, provider_name = excluded.provider_name, status = excluded.status,
          raw_status = excluded.raw_status, clinical_notes = excluded.clinical_notes, vitals = excluded.vitals,
          diagnoses = excluded.diagnoses, fingerprint = excluded.fingerprint, synced_at = now(),
          synced_by_run = excluded.synced_by_run, updated_at = now(), kept_since = NULL, deleted_at = NULL,
          deleted_reason = NULL, deleted_by_run = NULL, neo_appointment_id = excluded.neo_appointment_id,
          -- One that names another appointment now belongs there, not to the case of the former one.
          appointment_id = CASE WHEN c.neo_appointment_id = excluded.neo_appointment_id THEN c.appointment_id END,
          case_id = CASE WHEN c.neo_appointment_id = excluded.neo_appointment_id THEN c.case_id END,
          quarantine_reason = CASE WHEN c.neo_appointment_id = excluded.neo_appointment_id THEN c.quarantine_reason
                                   ELSE 'appointment_unknown' END
      WHERE c.organization_id = excluded.organization_id
        AND (c.fingerprint <> excluded.fingerprint OR c.deleted_at IS NOT NULL)
    RETURNING xmax = 0 AS added`.execute(trx);
  const added = rows.filter((row) => row.added).length;
  await addEffects(trx, fence, { added, updated: rows.length - added });
  return { added, updated: rows.length - added };
}

/** By the id, within the clinic; an appointment that the calendar does not show any more is still the one that was meant. */
async function findAppointments(trx: Trx, key: ClinicKey): Promise<void> {
  await sql`
    WITH found AS (
      SELECT c.id, a.id AS appointment,
             CASE WHEN a.id IS NOT NULL THEN NULL
                  WHEN c.neo_appointment_id IS NULL THEN 'no_appointment_id' ELSE 'appointment_unknown' END AS reason
      FROM consultations AS c
      LEFT JOIN schedule_appointments AS a ON a.organization_id = c.organization_id AND a.clinic_id = c.clinic_id
        AND a.neo_appointment_id = c.neo_appointment_id AND a.appointment_type IS DISTINCT FROM 'block'
      WHERE ${ofClinic(key)} AND c.appointment_id IS NULL AND c.deleted_at IS NULL
    )
    UPDATE consultations AS c SET appointment_id = f.appointment, quarantine_reason = f.reason
    FROM found AS f
    WHERE c.id = f.id AND ${ofClinic(key)}
      AND (f.appointment IS NOT NULL OR c.quarantine_reason IS DISTINCT FROM f.reason)`.execute(trx);
}
