/** What a caller may do, and the roles that stand for sets of it. */
export const SCOPES = [
  'sync:read',
  'sync:run',
  'documents:read',
  'documents:write',
  /** Copied patients and appointments. */
  'records:read',
  /** Places at clinics: hold, confirm, give back. */
  'bookings:write',
  'held:decide',
  'connections:write',
  'keys:write',
  'audit:read',
  /** Everything in its organisation, what is added later included. */
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

export const ROLES = ['viewer', 'operator', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

/** Documents and records are patients' data: who only looks after the machine does not get to read them. */
const SCOPES_OF_ROLE: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ['sync:read'],
  operator: ['sync:read', 'sync:run', 'documents:read', 'records:read', 'bookings:write', 'held:decide'],
  administrator: ['admin'],
};

export function scopesOfRole(role: Role): readonly Scope[] {
  return SCOPES_OF_ROLE[role];
}

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** @param held of the caller */
export function allows(held: readonly Scope[], wanted: Scope): boolean {
  return held.includes('admin') || held.includes(wanted);
}
