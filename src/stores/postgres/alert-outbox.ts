/** Messages of alerts on their way: part of `AlertStore` on PostgreSQL. */
import { type Selectable, sql } from 'kysely';
import type { AlertMessage } from '../../domain/alert-message.ts';
import type { AlertStore } from '../../ports/alert-store.ts';
import { alertOf } from './alert-rows.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

export function createAlertOutbox(database: Database): Pick<AlertStore, 'claim' | 'settle' | 'forget'> {
  const { kysely } = database;
  return {
    async claim(limit, holdMs) {
      try {
        // The oldest of each alert only: what is over must not be told before that it began.
        const { rows } = await sql<
          Selectable<Tables['alerts']> & { delivery: string; attempt: number; message: AlertMessage; at: Date }
        >`
          UPDATE alert_outbox AS o
          SET attempt = o.attempt + 1, held_until = now() + ${holdMs} * interval '1 millisecond'
          FROM alerts AS a
          WHERE a.organization_id = o.organization_id AND a.id = o.alert_id AND o.id IN (
            SELECT w.id FROM alert_outbox AS w
            WHERE w.state = 'waiting' AND w.due_at <= now() AND (w.held_until IS NULL OR w.held_until < now())
              AND NOT EXISTS (SELECT 1 FROM alert_outbox AS e
                              WHERE e.organization_id = w.organization_id AND e.alert_id = w.alert_id
                                AND e.state = 'waiting' AND e.id < w.id)
            ORDER BY w.due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
          RETURNING o.delivery, o.attempt, o.message, o.created_at AS at, a.id, a.organization_id, a.name, a.kind,
                    a.connection_id, a.threshold, a.remind_minutes, a.channel, a.url, a.recipients, a.enabled, a.created_at,
                    a.updated_at, a.updated_by`.execute(kysely);
        return rows.map((row) => ({
          id: row.delivery,
          attempt: row.attempt,
          alert: alertOf(row),
          message: row.message,
          createdAt: row.at.getTime(),
        }));
      } catch (error) {
        throw databaseError(error);
      }
    },
    settle: (delivery, end) =>
      database.transaction(async (trx) => {
        const code = end.state === 'sent' ? null : end.code;
        const detail = end.state === 'sent' ? null : end.detail;
        const againMs = end.state === 'waiting' ? end.againMs : 0;
        const { numAffectedRows } = await sql`
          UPDATE alert_outbox
          SET state = ${end.state}, held_until = NULL, code = ${code}, detail = ${detail},
              due_at = now() + ${againMs} * interval '1 millisecond',
              finished_at = CASE WHEN ${end.state} = 'waiting' THEN NULL ELSE now() END
          WHERE organization_id = ${delivery.alert.organizationId} AND delivery = ${delivery.id}
            AND attempt = ${delivery.attempt} AND state = 'waiting'`.execute(trx);
        return numAffectedRows === 1n;
      }),
    forget: (before) =>
      database.transaction(async (trx) => {
        await trx.deleteFrom('alert_outbox').where('finished_at', '<', new Date(before)).execute();
      }),
  };
}
