/** Counts of a run, written by the very transactions that do the work: exact also when a process dies in between. */
import { sql, type Transaction } from 'kysely';
import type { Fence } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

export async function addEffects(
  trx: Transaction<Tables>,
  fence: Fence,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const effects = Object.entries(counts).filter(([, count]) => count > 0);
  if (effects.length === 0) return;
  await sql`
    UPDATE sync_runs AS r
    SET effects = r.effects || (
      SELECT jsonb_object_agg(e.name, coalesce((r.effects ->> e.name)::int, 0) + e.count)
      FROM unnest(${effects.map(([name]) => name)}::text[], ${effects.map(([, count]) => count)}::int[]) AS e (name, count))
    WHERE r.organization_id = ${fence.organizationId} AND r.id = ${fence.runId}`.execute(trx);
}
