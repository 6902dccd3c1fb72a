/** Which dates a run read, and how that ended. */
import { sql, type Transaction } from 'kysely';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { ClinicKey, DateResult, DateSummary, RunWindow } from '../../ports/slot-book.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export async function beginWindow(trx: Trx, fence: Fence, key: ClinicKey, window: DateWindow): Promise<void> {
  await sql`
    INSERT INTO schedule_run_windows (run_id, organization_id, clinic_id, sync_start_date, sync_end_date, idexx_config)
    SELECT ${fence.runId}, c.organization_id, c.clinic_id, ${window.from}, ${window.to}, c.idexx_config_snapshot
    FROM clinic_schedule_config AS c
    WHERE c.organization_id = ${key.organizationId} AND c.clinic_id = ${key.clinicId}
    ON CONFLICT (run_id, clinic_id) DO UPDATE
      SET sync_start_date = excluded.sync_start_date, sync_end_date = excluded.sync_end_date,
          idexx_config = excluded.idexx_config`.execute(trx);
}

export async function noteProgress(trx: Trx, fence: Fence, key: ClinicKey, date: string): Promise<void> {
  await sql`
    UPDATE schedule_run_windows SET progress_date = ${date}
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND run_id = ${fence.runId}`.execute(
    trx,
  );
}

export async function runWindow(db: Database['kysely'], key: ClinicKey, runId: string): Promise<RunWindow | null> {
  const { rows } = await sql<RunWindow>`
    SELECT sync_start_date::text AS "from", sync_end_date::text AS "to", progress_date::text AS "currentDate",
           failed_dates AS "failedDates", date_results AS dates
    FROM schedule_run_windows
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND run_id = ${runId}`.execute(db);
  return rows[0] ?? null;
}

export async function finishDates(
  trx: Trx,
  fence: Fence,
  key: ClinicKey,
  results: readonly DateResult[],
  dates: readonly DateSummary[],
): Promise<void> {
  const complete = results.filter((r) => r.state === 'complete');
  const failed = results.filter((r) => r.state === 'failed');
  await sql`
    INSERT INTO schedule_days AS d (organization_id, clinic_id, date, read_at, read_by_run)
    SELECT ${key.organizationId}, ${key.clinicId}, n.date, n.read_at, ${fence.runId}
    FROM unnest(${complete.map((r) => r.date)}::date[], ${complete.map((r) => new Date(r.readAt))}::timestamptz[])
      AS n (date, read_at)
    ON CONFLICT (organization_id, clinic_id, date) DO UPDATE
      SET read_at = excluded.read_at, read_by_run = excluded.read_by_run, failed_at = NULL, failed_code = NULL`.execute(
    trx,
  );
  await sql`
    INSERT INTO schedule_days AS d (organization_id, clinic_id, date, failed_at, failed_code)
    SELECT ${key.organizationId}, ${key.clinicId}, n.date, now(), n.code
    FROM unnest(${failed.map((r) => r.date)}::date[], ${failed.map((r) => r.code)}::text[]) AS n (date, code)
    ON CONFLICT (organization_id, clinic_id, date) DO UPDATE
      SET failed_at = excluded.failed_at, failed_code = excluded.failed_code`.execute(trx);
  await sql`
    UPDATE schedule_slots AS s SET last_synced_at = n.read_at, sync_id = ${fence.runId}
    FROM (
      SELECT s.id, n.read_at FROM schedule_slots AS s
      JOIN unnest(${complete.map((r) => r.date)}::date[], ${complete.map((r) => new Date(r.readAt))}::timestamptz[])
        AS n (date, read_at) ON n.date = s.date
      WHERE s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId}
      -- Everybody locks slots in this order.
      ORDER BY s.starts_at, s.id FOR NO KEY UPDATE OF s
    ) AS n
    WHERE s.id = n.id AND s.organization_id = ${key.organizationId}`.execute(trx);
  await sql`
    UPDATE schedule_run_windows
    SET progress_date = coalesce(${
      results
        .map((r) => r.date)
        .sort()
        .at(-1) ?? null
    }::date, progress_date),
        date_results = ${JSON.stringify(dates)}::jsonb, failed_dates = ARRAY(
      SELECT DISTINCT date FROM unnest(failed_dates || ${failed.map((r) => r.date)}::text[]) AS f (date)
      WHERE date <> ALL (${complete.map((r) => r.date)}::text[]) ORDER BY date)
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND run_id = ${fence.runId}`.execute(
    trx,
  );
}
