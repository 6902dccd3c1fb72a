/** Writes down who did what. */
import type { AuditActor, AuditDetails, AuditEntry, AuditResult } from '../domain/audit-entry.ts';
import { toSyncError } from '../domain/errors.ts';
import type { AuditLog } from '../ports/audit-log.ts';

/** Everything of an entry that is known before the result is. */
export interface Deed {
  readonly organizationId: string | null;
  readonly actor: AuditActor;
  readonly action: string;
  readonly subject?: { readonly kind: string; readonly id: string };
  readonly requestId?: string;
  /** Ids, counts and codes only. */
  readonly details?: AuditDetails;
}

export function auditEntry(deed: Deed, result: AuditResult = 'ok', more: AuditDetails = {}): AuditEntry {
  return {
    organizationId: deed.organizationId,
    actor: deed.actor,
    action: deed.action,
    subject: deed.subject ?? null,
    result,
    requestId: deed.requestId ?? null,
    details: { ...deed.details, ...more },
  };
}

/**
 * Does `work` and records how it went, with the error's code when it failed. Rejects when the log cannot be written: what
 * cannot be accounted for is not done quietly.
 * @param about more details and a subject known only from the result
 */
export async function audited<T>(
  log: AuditLog,
  deed: Deed,
  work: () => Promise<T>,
  about: (result: T) => { readonly subject?: Deed['subject']; readonly details?: AuditDetails } = () => ({}),
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await log.append(auditEntry(deed, 'failed', { code: codeOf(error) }));
    throw error;
  }
  const { subject = deed.subject, details = {} } = about(result);
  await log.append(auditEntry({ ...deed, ...(subject === undefined ? {} : { subject }) }, 'ok', details));
  return result;
}

function codeOf(error: unknown): string {
  const { errorType } = error as { errorType?: unknown };
  return typeof errorType === 'string' ? errorType : toSyncError(error).code;
}
