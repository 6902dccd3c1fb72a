/** Who typed a command, as far as the system knows, and what is written down of it. */
import { audited, type Deed } from '../access/audit.ts';
import type { AuditActor, AuditDetails } from '../domain/audit-entry.ts';
import type { Chartsync } from '../main.ts';
import type { Surroundings } from './context.ts';

export function personOf(env: Surroundings['env']): string {
  return env.SUDO_USER || env.USER || 'command line';
}

export function actorOf(env: Surroundings['env']): AuditActor {
  return { kind: 'command_line', id: personOf(env) };
}

/** Does the work and writes down how it went. */
export function auditedCommand<T>(
  chartsync: Chartsync,
  env: Surroundings['env'],
  deed: Omit<Deed, 'actor' | 'requestId'>,
  work: () => Promise<T>,
  about?: (result: T) => { readonly details?: AuditDetails },
): Promise<T> {
  return audited(chartsync.audit, { ...deed, actor: actorOf(env) }, work, about);
}
