/** `AuditLog` on PostgreSQL. */
import { type Kysely, sql, type Transaction } from 'kysely';
import { verifyChain } from '../../domain/audit-chain.ts';
import {
  type AuditActor,
  type AuditDetails,
  type AuditEntry,
  type AuditRecord,
  auditHash,
} from '../../domain/audit-entry.ts';
import type { AuditLog, AuditQuery } from '../../ports/audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

const PAGE = 1000;
const LARGEST_BATCH = 200;

interface Waiting {
  readonly entry: AuditEntry;
  resolve(): void;
  reject(error: unknown): void;
}

export function createAuditLog(database: Database): AuditLog {
  const waiting: Waiting[] = [];
  let flushing = false;

  /** What arrives while a transaction is under way goes together into the next one: the chain has one end, so one lock. */
  async function flush(): Promise<void> {
    if (flushing) return;
    flushing = true;
    for (let batch = waiting.splice(0, LARGEST_BATCH); batch.length > 0; batch = waiting.splice(0, LARGEST_BATCH)) {
      try {
        await database.transaction((trx) =>
          appendAudit(
            trx,
            batch.map((item) => item.entry),
          ),
        );
        for (const item of batch) item.resolve();
      } catch (error) {
        for (const item of batch) item.reject(error);
      }
    }
    flushing = false;
  }

  return {
    append: (entry) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        void flush();
      }),
    async page(organizationId, limit, before, filter = {}) {
      const { action, actor, subject, result, since, until } = filter;
      try {
        const rows = await database.kysely
          .selectFrom('audit_log')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .$if(before !== undefined, (q) => q.where('id', '<', String(before)))
          .$if(action !== undefined, (q) =>
            action?.endsWith('.')
              ? q.where(sql<boolean>`starts_with(action, ${action})`)
              : q.where('action', '=', action ?? ''),
          )
          .$if(actor !== undefined, (q) => q.where('actor_id', '=', actor ?? ''))
          .$if(subject !== undefined, (q) => q.where('subject_id', '=', subject ?? ''))
          .$if(result !== undefined, (q) => q.where('result', '=', result ?? 'ok'))
          .$if(since !== undefined, (q) => q.where('at', '>=', new Date(since ?? 0)))
          .$if(until !== undefined, (q) => q.where('at', '<', new Date(until ?? 0)))
          .orderBy('id', 'desc')
          .limit(limit)
          .execute();
        return rows.map(recordOf);
      } catch (error) {
        throw databaseError(error);
      }
    },
    async *read(query, signal) {
      yield* inOneMoment(database, (trx) => recordsOf(trx, query, signal));
    },
    verify: async (options = {}) => {
      try {
        return await moment(database, async (trx) => {
          const chain = await trx.selectFrom('audit_chain').selectAll().executeTakeFirstOrThrow();
          return verifyChain(recordsOf(trx, {}, options.signal), {
            end: { id: Number(chain.last_id), hash: chain.last_hash },
            beginning: { id: Number(chain.purged_id), hash: chain.purged_hash },
            anchor: options.anchor ?? null,
          });
        });
      } catch (error) {
        throw databaseError(error);
      }
    },
    purge: (before) =>
      database.transaction(async (trx) => {
        const chain = await lockChain(trx);
        const first = await trx
          .selectFrom('audit_log')
          .select('id')
          .where('at', '>=', new Date(before))
          .orderBy('id')
          .limit(1)
          .executeTakeFirst();
        const through = first === undefined ? Number(chain.last_id) : Number(first.id) - 1;
        const removed = through - Number(chain.purged_id);
        if (removed <= 0) return 0;
        const last = await trx
          .selectFrom('audit_log')
          .select('hash')
          .where('id', '=', String(through))
          .executeTakeFirstOrThrow();
        await trx.updateTable('audit_chain').set({ purged_id: through, purged_hash: last.hash }).execute();
        await trx.deleteFrom('audit_log').where('id', '<=', String(through)).execute();
        await appendAudit(trx, [purgeEntry(through, last.hash, removed)]);
        return removed;
      }),
  };
}

/** For changes that must not happen without their entry. Last in its transaction: the end of the chain stays locked until then. */
export async function appendAudit(trx: Transaction<Tables>, entries: readonly AuditEntry[]): Promise<void> {
  const chain = await lockChain(trx);
  let id = Number(chain.last_id);
  let previousHash = chain.last_hash;
  const rows = entries.map((entry) => {
    const record = { ...entry, id: ++id, at: chain.now.toISOString(), previousHash };
    previousHash = auditHash(record);
    return {
      id,
      organization_id: entry.organizationId,
      at: chain.now,
      actor_kind: entry.actor.kind,
      actor_id: entry.actor.id,
      action: entry.action,
      subject_kind: entry.subject?.kind ?? null,
      subject_id: entry.subject?.id ?? null,
      result: entry.result,
      request_id: entry.requestId,
      details: JSON.stringify(entry.details),
      previous_hash: record.previousHash,
      hash: previousHash,
    };
  });
  await trx
    .with('moved', (db) => db.updateTable('audit_chain').set({ last_id: id, last_hash: previousHash }))
    .insertInto('audit_log')
    .values(rows)
    .execute();
}

/**
 * The database's clock, read under the lock: entries of all machines are in order of time. Whoever had to wait for another entry
 * reads the row, and the clock, anew.
 */
async function lockChain(trx: Transaction<Tables>) {
  return trx
    .selectFrom('audit_chain')
    .select(['last_id', 'last_hash', 'purged_id'])
    .select(sql<Date>`date_trunc('milliseconds', clock_timestamp())`.as('now'))
    .forUpdate()
    .executeTakeFirstOrThrow();
}

function purgeEntry(through: number, hash: string, removed: number): AuditEntry {
  return {
    organizationId: null,
    actor: { kind: 'system', id: 'retention' },
    action: 'audit.purge',
    subject: null,
    result: 'ok',
    requestId: null,
    details: { through, hash, removed },
  };
}

async function* recordsOf(
  db: Kysely<Tables>,
  query: AuditQuery,
  signal: AbortSignal | undefined,
): AsyncGenerator<AuditRecord> {
  for (let last = '0'; ; ) {
    signal?.throwIfAborted();
    const rows = await db
      .selectFrom('audit_log')
      .selectAll()
      .where('id', '>', last)
      .$if(query.organizationId !== undefined, (q) => q.where('organization_id', '=', query.organizationId ?? ''))
      .$if(query.since !== undefined, (q) => q.where('at', '>=', new Date(query.since ?? 0)))
      .$if(query.until !== undefined, (q) => q.where('at', '<', new Date(query.until ?? 0)))
      .orderBy('id')
      .limit(PAGE)
      .execute();
    for (const row of rows) yield recordOf(row);
    const end = rows.at(-1);
    if (end === undefined || rows.length < PAGE) return;
    last = end.id;
  }
}

function moment<T>(database: Database, work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
  return database.kysely.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
}

async function* inOneMoment(
  database: Database,
  read: (trx: Transaction<Tables>) => AsyncGenerator<AuditRecord>,
): AsyncGenerator<AuditRecord> {
  const trx = await database.kysely
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute()
    .catch((error) => {
      throw databaseError(error);
    });
  try {
    yield* read(trx);
  } catch (error) {
    throw databaseError(error);
  } finally {
    // Also when the reader stopped early; there is nothing to keep.
    await trx
      .rollback()
      .execute()
      .catch(() => undefined);
  }
}

function recordOf(row: {
  id: string;
  organization_id: string | null;
  at: Date;
  actor_kind: string;
  actor_id: string;
  action: string;
  subject_kind: string | null;
  subject_id: string | null;
  result: AuditRecord['result'];
  request_id: string | null;
  details: unknown;
  previous_hash: string;
  hash: string;
}): AuditRecord {
  return {
    id: Number(row.id),
    organizationId: row.organization_id,
    at: row.at.toISOString(),
    actor: { kind: row.actor_kind as AuditActor['kind'], id: row.actor_id },
    action: row.action,
    subject:
      row.subject_kind === null && row.subject_id === null
        ? null
        : { kind: row.subject_kind ?? '', id: row.subject_id ?? '' },
    result: row.result,
    requestId: row.request_id,
    details: row.details as AuditDetails,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
