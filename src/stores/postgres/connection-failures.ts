/** What a failed run means for its connection. */
import { sql, type Transaction } from 'kysely';
import { pauseReason } from '../../domain/failure-limit.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

/** Pauses the connection when its last failure, counted already, was one too many. */
export async function pauseAfterFailure(
  trx: Transaction<Tables>,
  { organizationId, connectionId }: ConnectionKey,
  code: string,
  connection: { readonly failures: number; readonly limit: number | null; readonly state: string },
): Promise<void> {
  if (connection.state !== 'active') return;
  const reason = pauseReason(code, connection.failures, connection.limit);
  if (reason === null) return;
  await sql`
    UPDATE connections SET state = 'paused', paused_by = 'failures', paused_at = now(), state_reason = ${reason}
    WHERE organization_id = ${organizationId} AND id = ${connectionId}`.execute(trx);
}
