import { describe, expect, test } from 'vitest';
import { messageOf, subjectOf, textOf } from './alert-message.ts';
import {
  ALERT_KINDS,
  type AlertFacts,
  type AlertRule,
  type ConnectionFacts,
  tellingsOf,
  troublesOf,
} from './alerts.ts';

const NOW = Date.parse('2026-03-03T09:00:00Z');
const MINUTE = 60_000;
const rule = (more: Partial<AlertRule> = {}): AlertRule => ({
  id: 'alert_1',
  organizationId: 'org_1',
  kind: 'connection_failing',
  connectionId: null,
  threshold: 3,
  remindMinutes: 60,
  enabled: true,
  ...more,
});
const connection = (more: Partial<ConnectionFacts> = {}): ConnectionFacts => ({
  connectionId: 'riverside',
  knownSince: NOW - 100 * MINUTE,
  paused: false,
  pausedAt: null,
  failures: 0,
  failedAt: null,
  failureCode: null,
  succeededAt: NOW,
  heldItems: 0,
  heldSince: null,
  lastRun: null,
  ...more,
});
const facts = (connections: ConnectionFacts[], more: Partial<AlertFacts> = {}): AlertFacts => ({
  connections,
  comparison: null,
  audit: null,
  ...more,
});
const failing = (failures: number) =>
  facts([connection({ failures, failedAt: NOW, failureCode: 'source_unreachable' })]);

describe('a problem', () => {
  test.each([
    ['connection_failing', { failures: 3 }, { failures: 2 }],
    ['connection_paused', { paused: true }, { paused: false }],
    ['not_fresh', { succeededAt: NOW - 3 * MINUTE }, { succeededAt: NOW - 2 * MINUTE }],
    ['not_fresh', { succeededAt: null }, { succeededAt: null, knownSince: NOW }],
    ['removals_held', { heldItems: 1 }, { heldItems: 0 }],
    [
      'run_partial',
      { lastRun: { id: 'r', outcome: 'partial', at: NOW } },
      { lastRun: { id: 'r', outcome: 'success', at: NOW } },
    ],
  ] as const)('of the kind %s is %j and not %j', (kind, bad, good) => {
    expect(troublesOf(rule({ kind }), facts([connection(bad)]), NOW)).toHaveLength(1);
    expect(troublesOf(rule({ kind }), facts([connection(good)]), NOW)).toEqual([]);
  });
  test('of all stores, or of the audit log, is of no connection; not known is not broken', () => {
    const of = (kind: 'stores_differ' | 'audit_broken', more: Partial<AlertFacts>) =>
      troublesOf(rule({ kind, threshold: null }), facts([], more), NOW);
    expect(of('stores_differ', { comparison: { differences: 2, at: NOW } })).toEqual([
      { subject: '', since: NOW, details: { count: 2 } },
    ]);
    expect(of('stores_differ', { comparison: { differences: 0, at: NOW } })).toEqual([]);
    expect(of('stores_differ', {})).toEqual([]);
    expect(of('audit_broken', { audit: { problem: 'changed', brokenSince: NOW } })).toHaveLength(1);
    expect(of('audit_broken', { audit: { problem: null, brokenSince: null } })).toEqual([]);
    expect(of('audit_broken', {})).toEqual([]);
  });
  test('of another connection is none of a rule about one', () => {
    expect(troublesOf(rule({ connectionId: 'other' }), failing(5), NOW)).toEqual([]);
  });
});

describe('telling', () => {
  test('once, again after the time for reminders, and at its end', () => {
    const first = tellingsOf(rule(), failing(3), [], NOW);
    expect(first.tellings).toMatchObject([{ event: 'problem', subject: 'riverside', details: { count: 3 } }]);
    const second = tellingsOf(rule(), failing(4), first.told, NOW + 59 * MINUTE);
    expect(second.tellings).toEqual([]);
    const third = tellingsOf(rule(), failing(5), second.told, NOW + 60 * MINUTE);
    expect(third.tellings).toMatchObject([{ event: 'reminder', since: NOW, details: { count: 5 } }]);
    expect(tellingsOf(rule(), failing(6), third.told, NOW + 61 * MINUTE).tellings).toEqual([]);
    const over = tellingsOf(rule(), failing(0), third.told, NOW + 62 * MINUTE);
    expect(over).toMatchObject({ tellings: [{ event: 'resolved', since: NOW }], told: [] });
    expect(tellingsOf(rule(), failing(0), over.told, NOW + 63 * MINUTE).tellings).toEqual([]);
  });
  test('without a time for reminders once only', () => {
    const { told } = tellingsOf(rule({ remindMinutes: null }), failing(3), [], NOW);
    expect(tellingsOf(rule({ remindMinutes: null }), failing(3), told, NOW + 9999 * MINUTE).tellings).toEqual([]);
  });
  test('a rule that is switched off says nothing more', () => {
    const { told } = tellingsOf(rule(), failing(3), [], NOW);
    expect(tellingsOf(rule({ enabled: false }), failing(3), told, NOW)).toEqual({ tellings: [], told: [] });
  });
});

test('every kind has sentences for people', () => {
  for (const kind of ALERT_KINDS) {
    for (const event of ['problem', 'reminder', 'resolved', 'test'] as const) {
      const telling = { event, subject: 'riverside', since: NOW, details: { count: 2, code: 'changed' } };
      const message = messageOf(rule({ kind }), telling, 'msg_1', NOW);
      expect(subjectOf(message)).toContain('riverside');
      expect(textOf(message)).toMatch(/\.\n\nOrganisation: org_1\n/);
      expect(textOf(message)).not.toContain('undefined');
      // As the pages call it.
      if (kind === 'removals_held') expect(`${subjectOf(message)} ${textOf(message)}`).not.toMatch(/removal/i);
    }
  }
});
