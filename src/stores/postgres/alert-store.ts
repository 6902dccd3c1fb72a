/** `AlertStore` on PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import type { AlertMessage } from '../../domain/alert-message.ts';
import type { ProblemDetails, ToldTrouble } from '../../domain/alerts.ts';
import type { AlertStatus, AlertStore, DeliveryState } from '../../ports/alert-store.ts';
import { readAlertFacts } from './alert-facts.ts';
import { createAlertOutbox } from './alert-outbox.ts';
import { alertOf, secretOf, secretValues, valuesOf } from './alert-rows.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

/** Of one organisation. */
const MOST = 100;

export function createAlertStore(database: Database): AlertStore {
  const { kysely } = database;
  async function ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw databaseError(error);
    }
  }

  return {
    ...createAlertOutbox(database),
    list: (organizationId) => ask(() => statuses(database, organizationId)),
    add: (alert, secret, by, audit) =>
      database.transaction(async (trx) => {
        await lockAlerts(trx, alert.organizationId);
        const { count } = await trx
          .selectFrom('alerts')
          .select(sql<number>`count(*)::int`.as('count'))
          .where('organization_id', '=', alert.organizationId)
          .executeTakeFirstOrThrow();
        if (count >= MOST) return false;
        await trx
          .insertInto('alerts')
          .values({
            id: alert.id,
            organization_id: alert.organizationId,
            ...valuesOf(alert, by),
            ...secretValues(secret),
          })
          .execute();
        await appendAudit(trx, [audit]);
        return true;
      }),
    change: (alert, secret, by, audit) =>
      database.transaction(async (trx) => {
        await lockAlerts(trx, alert.organizationId);
        const before = await trx
          .selectFrom('alerts')
          .selectAll()
          .where('organization_id', '=', alert.organizationId)
          .where('id', '=', alert.id)
          .executeTakeFirst();
        if (before === undefined) return false;
        const kept = secret ?? (alert.target.channel === 'webhook' ? secretOf(before) : null);
        await trx
          .updateTable('alerts')
          .set({ ...valuesOf(alert, by), ...secretValues(kept), updated_at: sql<Date>`now()` })
          .where('organization_id', '=', alert.organizationId)
          .where('id', '=', alert.id)
          .execute();
        // What was told of another kind of problem, or before a pause, is not the beginning of one that comes now.
        if (before.kind !== alert.kind || before.connection_id !== alert.connectionId || !alert.enabled)
          await trx
            .deleteFrom('alert_problems')
            .where('organization_id', '=', alert.organizationId)
            .where('alert_id', '=', alert.id)
            .execute();
        // Who wants to hear nothing more is not told what was tried in vain until now.
        if (!alert.enabled)
          await trx
            .deleteFrom('alert_outbox')
            .where('organization_id', '=', alert.organizationId)
            .where('alert_id', '=', alert.id)
            .where('state', '=', 'waiting')
            .execute();
        await appendAudit(trx, [audit]);
        return true;
      }),
    renewSecret: (organizationId, id, secret, by, audit) =>
      database.transaction(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('alerts')
          .set({ ...secretValues(secret), updated_at: sql<Date>`now()`, updated_by: by })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('channel', '=', 'webhook')
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
    remove: (organizationId, id, audit) =>
      database.transaction(async (trx) => {
        await lockAlerts(trx, organizationId);
        const { numDeletedRows } = await trx
          .deleteFrom('alerts')
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
    secret: (organizationId, id) =>
      ask(async () => {
        const row = await kysely
          .selectFrom('alerts')
          .select(['secret_key_id', 'secret_nonce', 'secret'])
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .executeTakeFirst();
        return row === undefined ? null : secretOf(row);
      }),
    sealedOtherwise: (keyId) =>
      ask(async () => {
        const rows = await kysely.selectFrom('alerts').selectAll().where('secret_key_id', '<>', keyId).execute();
        return rows.flatMap((row) => {
          const secret = secretOf(row);
          return secret === null ? [] : [{ organizationId: row.organization_id, alertId: row.id, secret }];
        });
      }),
    reseal: (organizationId, id, from, to) =>
      database.transaction(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('alerts')
          .set(secretValues(to))
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('secret_nonce', '=', from.nonce)
          .executeTakeFirst();
        return numUpdatedRows === 1n;
      }),
    look: (organizationId, judge, messageOf) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ first: boolean }>`
          SELECT pg_try_advisory_xact_lock(hashtextextended(${lockName(organizationId)}, 0)) AS first`.execute(trx);
        if (rows[0]?.first !== true) return null;
        const alerts = await trx
          .selectFrom('alerts')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .orderBy('created_at')
          .execute();
        if (alerts.length === 0) return 0;
        const facts = await readAlertFacts(trx, organizationId);
        let written = 0;
        for (const row of alerts) {
          const alert = alertOf(row);
          const told = await toldOf(trx, organizationId, alert.id);
          const next = judge(alert, facts, told);
          await replaceTold(trx, organizationId, alert.id, told, next.told);
          for (const telling of next.tellings) {
            const message = messageOf(alert, telling);
            // Who does not hear us is not sent the same again and again at once later.
            if (telling.event === 'reminder' && (await waits(trx, organizationId, alert.id, telling.subject))) continue;
            await enqueue(trx, organizationId, alert.id, telling.subject, message);
            written++;
          }
        }
        return written;
      }),
    organizations: () =>
      ask(async () => {
        const rows = await kysely.selectFrom('alerts').select('organization_id').distinct().execute();
        return new Set(rows.map((row) => row.organization_id));
      }),
    wants: (kind) =>
      ask(async () => {
        const row = await kysely
          .selectFrom('alerts')
          .select('id')
          .where('kind', '=', kind)
          .where('enabled', '=', true)
          .limit(1)
          .executeTakeFirst();
        return row !== undefined;
      }),
    noteAudit: ({ entries, problem }) =>
      ask(async () => {
        const intact = problem === null;
        await sql`
          INSERT INTO audit_checks AS a (intact, entries, problem, broken_since)
          VALUES (${intact}, ${entries}, ${problem}, CASE WHEN ${intact} THEN NULL ELSE now() END)
          ON CONFLICT (single) DO UPDATE
            SET at = now(), intact = excluded.intact, entries = excluded.entries, problem = excluded.problem,
                broken_since = CASE WHEN excluded.intact THEN NULL ELSE coalesce(a.broken_since, now()) END`.execute(
          kysely,
        );
      }),
  };
}

const lockName = (organizationId: string) => `chartsync alerts ${organizationId}`;

/** Changes wait for a look, so that none judges by a rule that is gone. */
async function lockAlerts(trx: Transaction<Tables>, organizationId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${lockName(organizationId)}, 0))`.execute(trx);
}

async function toldOf(trx: Transaction<Tables>, organizationId: string, alertId: string): Promise<ToldTrouble[]> {
  const rows = await trx
    .selectFrom('alert_problems')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('alert_id', '=', alertId)
    .execute();
  return rows.map((row) => ({
    subject: row.subject,
    since: row.since.getTime(),
    toldAt: row.told_at.getTime(),
    details: row.details as ProblemDetails,
  }));
}

async function replaceTold(
  trx: Transaction<Tables>,
  organizationId: string,
  alertId: string,
  before: readonly ToldTrouble[],
  now: readonly ToldTrouble[],
): Promise<void> {
  const own = { organization_id: organizationId, alert_id: alertId };
  for (const { subject } of before) {
    if (now.some((told) => told.subject === subject)) continue;
    await trx
      .deleteFrom('alert_problems')
      .where('organization_id', '=', organizationId)
      .where('alert_id', '=', alertId)
      .where('subject', '=', subject)
      .execute();
  }
  for (const { subject, since, toldAt, details } of now) {
    const values = { since: new Date(since), told_at: new Date(toldAt), details: JSON.stringify(details) };
    await trx
      .insertInto('alert_problems')
      .values({ ...own, subject, ...values })
      .onConflict((conflict) => conflict.columns(['alert_id', 'subject']).doUpdateSet(values))
      .execute();
  }
}

async function waits(trx: Transaction<Tables>, organizationId: string, alertId: string, subject: string) {
  const row = await trx
    .selectFrom('alert_outbox')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('alert_id', '=', alertId)
    .where('subject', '=', subject)
    .where('state', '=', 'waiting')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function enqueue(
  trx: Transaction<Tables>,
  organizationId: string,
  alertId: string,
  subject: string,
  message: AlertMessage,
): Promise<void> {
  await trx
    .insertInto('alert_outbox')
    .values({
      delivery: message.id,
      organization_id: organizationId,
      alert_id: alertId,
      subject,
      message: JSON.stringify(message),
    })
    .execute();
}

async function statuses({ kysely }: Database, organizationId: string): Promise<AlertStatus[]> {
  const alerts = await kysely
    .selectFrom('alerts')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  const problems = await kysely
    .selectFrom('alert_problems')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('since')
    .execute();
  const { rows: newest } = await sql<DeliveryState & { alertId: string; when: Date }>`
    SELECT DISTINCT ON (alert_id) alert_id AS "alertId", message->>'event' AS event, state, attempt AS attempts, code, detail,
           coalesce(finished_at, created_at) AS when
    FROM alert_outbox WHERE organization_id = ${organizationId} ORDER BY alert_id, id DESC`.execute(kysely);
  return alerts.map((row) => {
    const last = newest.find(({ alertId }) => alertId === row.id);
    return {
      ...alertOf(row),
      updatedAt: row.updated_at.toISOString(),
      updatedBy: row.updated_by,
      problems: problems
        .filter((problem) => problem.alert_id === row.id)
        .map(({ subject, since, told_at, details }) => ({
          connectionId: subject === '' ? null : subject,
          since: since.toISOString(),
          toldAt: told_at.toISOString(),
          details: details as ProblemDetails,
        })),
      lastDelivery:
        last === undefined
          ? null
          : {
              event: last.event,
              state: last.state,
              at: last.when.toISOString(),
              attempts: last.attempts,
              code: last.code,
              detail: last.detail,
            },
    };
  });
}
