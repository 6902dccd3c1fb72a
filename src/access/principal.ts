/** Who calls, as far as it is proven, and what that allows. */
import type { AuditActor } from '../domain/audit-entry.ts';
import { allows, type Scope } from '../domain/scopes.ts';

export interface Principal {
  readonly kind: 'administrator' | 'key' | 'token' | 'certificate' | 'component';
  /** Opaque; unique within its kind. */
  readonly id: string;
  readonly organizations: 'all' | readonly string[];
  readonly scopes: readonly Scope[];
  /** Nothing but this patient, lower case; absent: all of the organisations. */
  readonly patientUuid?: string;
}

export function administrator(): Principal {
  return { kind: 'administrator', id: 'administrator', organizations: 'all', scopes: ['admin'] };
}

export function actorOf(principal: Principal): AuditActor {
  return { kind: principal.kind, id: principal.id };
}

/** Nobody hands out more than they have. */
export function mayGrant(principal: Principal, scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => allows(principal.scopes, scope));
}

/** What two proofs of one caller allow together: no more than either alone. The first names the caller. */
export function both(first: Principal, second: Principal): Principal {
  const { organizations: a } = first;
  const { organizations: b } = second;
  return {
    ...first,
    organizations: a === 'all' ? b : b === 'all' ? a : a.filter((organization) => b.includes(organization)),
    scopes: first.scopes.includes('admin')
      ? second.scopes
      : first.scopes.filter((scope) => allows(second.scopes, scope)),
  };
}
