/** `PatientDesk` on PostgreSQL. */
import { createHash } from 'node:crypto';
import { type Selectable, sql, type Transaction } from 'kysely';
import { type DocumentAlert, readAlerts, withPatientCheck } from '../../domain/document-alert.ts';
import { NO_CATEGORY } from '../../domain/document-category.ts';
import type { PatientDesk, PatientRecord } from '../../ports/patient-desk.ts';
import { NAME_LENGTH, storedText } from '../stored-text.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { askForDocuments } from './document-asks.ts';
import { findDuplicates } from './duplicates.ts';
import { removePatient } from './remove-patient.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export function createPatientDesk(database: Database): PatientDesk {
  const db = database.kysely;
  return {
    find: (organizationId, patientUuid) =>
      ask(async () => {
        const row = await db
          .selectFrom('silknote_patient_filesets')
          .selectAll()
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('deletedAt', 'is', null)
          .executeTakeFirst();
        return row === undefined ? null : patientRecord(row);
      }),

    activate: ({ organizationId, patientUuid, removed: evenRemoved }, by, audit) =>
      database.transaction(async (trx) => {
        const row = await trx
          .selectFrom('silknote_patient_filesets')
          .selectAll()
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .forUpdate()
          .executeTakeFirst();
        const removed = row !== undefined && row.deletedAt !== null;
        if (row === undefined || (removed && !evenRemoved)) return null;
        const before = { already: row.activatedUse && !removed, removed };
        if (before.already) {
          await appendAudit(trx, [audit(before)]);
          return { ...patientRecord(row), ...before };
        }
        const activated = await trx
          .updateTable('silknote_patient_filesets')
          .set({
            activatedUse: true,
            activatedUseTime: sql<Date>`now()`,
            activatedBy: by,
            deletedAt: null,
            updatedAt: sql<Date>`now()`,
          })
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .returningAll()
          .executeTakeFirstOrThrow();
        await appendAudit(trx, [audit(before)]);
        return { ...patientRecord(activated), ...before };
      }),

    remove: (organizationId, patientUuid, audit) =>
      database.transaction(async (trx) => {
        const removed = await removePatient(trx, organizationId, patientUuid);
        if (removed !== null) await appendAudit(trx, [audit(removed)]);
        return removed;
      }),

    saveCaseSummary: (organizationId, patientUuid, summary, isAsSeen) =>
      database.transaction(async (trx) => {
        const row = await trx
          .selectFrom('silknote_patient_filesets')
          .select('caseSummaryJson')
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('deletedAt', 'is', null)
          .forUpdate()
          .executeTakeFirst();
        if (row === undefined) return { result: 'unknown', version: null };
        const version = versionOf(row.caseSummaryJson);
        const caseSummaryJson = summary === null ? null : JSON.stringify(summary);
        // Perhaps by the same caller, to whom the answer was lost.
        if (caseSummaryJson === row.caseSummaryJson) return { result: 'saved', version };
        if (!isAsSeen(version)) return { result: 'changed', version };
        await trx
          .updateTable('silknote_patient_filesets')
          .set({ caseSummaryJson, updatedAt: sql<Date>`now()` })
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .execute();
        return { result: 'saved', version: versionOf(caseSummaryJson) };
      }),

    countSummary: (organizationId, patientUuid, most) =>
      ask(async () => {
        const row = await db
          .updateTable('silknote_patient_filesets')
          .set(({ eb }) => ({ summaryGenerationCount: eb('summaryGenerationCount', '+', 1) }))
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('deletedAt', 'is', null)
          .where('summaryGenerationCount', '<', most)
          .returning('summaryGenerationCount')
          .executeTakeFirst();
        return row?.summaryGenerationCount ?? null;
      }),

    uncountSummary: (organizationId, patientUuid) =>
      ask(async () => {
        await db
          .updateTable('silknote_patient_filesets')
          .set(({ eb }) => ({ summaryGenerationCount: eb('summaryGenerationCount', '-', 1) }))
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('summaryGenerationCount', '>', 0)
          .execute();
      }),

    setPatientInfo: (organizationId, patientUuid, documentUuid, { name, dateOfBirth }) =>
      database.transaction(async (trx) => {
        const fileset = await trx
          .selectFrom('silknote_patient_filesets')
          .select(['patientName', 'patientDob'])
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('deletedAt', 'is', null)
          .executeTakeFirst();
        const alerts = await lockAlerts(trx, organizationId, patientUuid, documentUuid);
        if (fileset === undefined || alerts === null) return false;
        const info = { name: name && storedText(name, NAME_LENGTH), dateOfBirth };
        const known = { name: fileset.patientName, dateOfBirth: fileset.patientDob };
        await writeAlerts(trx, organizationId, documentUuid, {
          alerts: withPatientCheck(alerts, known, info, new Date().toISOString()),
          info,
        });
        return true;
      }),

    setCategory: (organizationId, documentUuid, category, patientUuid) =>
      ask(async () => {
        const { numUpdatedRows } = await db
          .updateTable('silknote_documents')
          .set({ category: category === NO_CATEGORY ? null : category, updatedAt: sql<Date>`now()` })
          .where('organizationId', '=', organizationId)
          .where('silknoteDocumentUuid', '=', documentUuid)
          .where(patientUuid === null ? sql<boolean>`true` : sql<boolean>`"patientUuid" = ${patientUuid}`)
          .where('deletedAt', 'is', null)
          .where('sha256', 'is not', null)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),

    acknowledge: (organizationId, patientUuid, documentUuid, type) =>
      database.transaction(async (trx) => {
        const alerts = await lockAlerts(trx, organizationId, patientUuid, documentUuid);
        if (alerts === null) return 'unknown';
        if (!alerts.some((alert) => alert.type === type)) return 'no_alert';
        await writeAlerts(trx, organizationId, documentUuid, {
          alerts: alerts.map((alert) => (alert.type === type ? { ...alert, acknowledged: true } : alert)),
        });
        return 'acknowledged';
      }),

    processAgain: (organizationId, documentUuid, patientUuid) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ sha256: string }>`
          UPDATE silknote_documents SET status = 'queued', stage = NULL, "errorCode" = NULL
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid}
            AND (${patientUuid}::text IS NULL OR "patientUuid" = ${patientUuid})
            AND "deletedAt" IS NULL AND sha256 IS NOT NULL
          RETURNING sha256`.execute(trx);
        const [row] = rows;
        if (row === undefined) return false;
        // As if an older version of the service had read it: what there is stays until there is something new.
        await sql`
          UPDATE document_renditions SET processor_version = 0
          WHERE organization_id = ${organizationId} AND sha256 = ${row.sha256}`.execute(trx);
        await askForDocuments(trx, organizationId, 'process', [{ documentUuid }], { isAwaited: true });
        return true;
      }),

    duplicates: (question) => ask(() => findDuplicates(db, question)),
  };
}

async function lockAlerts(
  trx: Trx,
  organizationId: string,
  patientUuid: string,
  documentUuid: string,
): Promise<readonly DocumentAlert[] | null> {
  const row = await trx
    .selectFrom('silknote_documents')
    .select('alertsJson')
    .where('organizationId', '=', organizationId)
    .where('patientUuid', '=', patientUuid)
    .where('silknoteDocumentUuid', '=', documentUuid)
    .where('deletedAt', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : readAlerts(row.alertsJson);
}

async function writeAlerts(
  trx: Trx,
  organizationId: string,
  documentUuid: string,
  { alerts, info }: { readonly alerts: readonly DocumentAlert[]; readonly info?: object },
): Promise<void> {
  await trx
    .updateTable('silknote_documents')
    .set({
      alertsJson: alerts.length === 0 ? null : JSON.stringify(alerts),
      ...(info === undefined ? {} : { patientInfo: JSON.stringify(info) }),
      updatedAt: sql<Date>`now()`,
    })
    .where('organizationId', '=', organizationId)
    .where('silknoteDocumentUuid', '=', documentUuid)
    .execute();
}

function patientRecord(row: Selectable<Tables['silknote_patient_filesets']>): PatientRecord {
  return {
    patientUuid: row.silknotePatientUuid,
    name: row.patientName,
    dateOfBirth: row.patientDob,
    gender: row.gender,
    activatedUse: row.activatedUse,
    activatedUseTime: row.activatedUseTime?.toISOString() ?? null,
    activatedBy: row.activatedBy,
    summaryGenerationCount: row.summaryGenerationCount,
    caseSummary: jsonOf(row.caseSummaryJson),
    caseSummaryVersion: versionOf(row.caseSummaryJson),
    vectorStore: jsonOf(row.vectorStoreJson),
  };
}

/** By what it says: whoever wrote it, and however. Null: nothing that can be read. */
function versionOf(caseSummaryJson: string | null): string | null {
  if (caseSummaryJson === null || jsonOf(caseSummaryJson) === null) return null;
  return createHash('sha256').update(caseSummaryJson).digest('hex');
}

/** Other applications write these columns too. */
function jsonOf(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
