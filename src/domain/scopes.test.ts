import { describe, expect, it } from 'vitest';
import { allows, isScope, ROLES, SCOPES, scopesOfRole } from './scopes.ts';

describe('scopes', () => {
  it('allow what they say and nothing else', () => {
    for (const held of SCOPES) {
      for (const wanted of SCOPES) expect(allows([held], wanted)).toBe(held === wanted || held === 'admin');
    }
    expect(allows([], 'sync:read')).toBe(false);
    expect(allows(['sync:read', 'sync:run'], 'sync:run')).toBe(true);
  });

  it('are known by their exact names', () => {
    for (const scope of SCOPES) expect(isScope(scope)).toBe(true);
    for (const text of ['', 'Admin', 'sync', 'sync:read ', 'toString']) expect(isScope(text)).toBe(false);
  });

  it('of a role grow with it, and a viewer reads no documents', () => {
    expect(scopesOfRole('viewer')).toEqual(['sync:read']);
    expect(scopesOfRole('operator')).toEqual([
      'sync:read',
      'sync:run',
      'documents:read',
      'records:read',
      'bookings:write',
      'held:decide',
    ]);
    for (const scope of SCOPES) expect(allows(scopesOfRole('administrator'), scope)).toBe(true);
    for (const role of ROLES) for (const scope of scopesOfRole(role)) expect(isScope(scope)).toBe(true);
    expect(allows(scopesOfRole('operator'), 'keys:write')).toBe(false);
  });
});
