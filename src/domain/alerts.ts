/** When somebody is told of a problem, when again, and when that it is over. Pure: facts in, messages out. */
export const ALERT_KINDS = [
  'connection_failing',
  'connection_paused',
  'not_fresh',
  'removals_held',
  'stores_differ',
  'audit_broken',
  'run_partial',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Kinds with a limit, and what it is when nobody says. */
export const USUAL_THRESHOLD: Readonly<Partial<Record<AlertKind, number>>> = {
  /** Failed runs in a row. */
  connection_failing: 3,
  /** Minutes since the last successful run. */
  not_fresh: 120,
};

/** Kinds about the whole organisation, or the installation. */
export const WITHOUT_CONNECTION: ReadonlySet<AlertKind> = new Set(['stores_differ', 'audit_broken']);

export interface AlertRule {
  readonly id: string;
  readonly organizationId: string;
  readonly kind: AlertKind;
  /** Null: all. */
  readonly connectionId: string | null;
  readonly threshold: number | null;
  /** How often it is told again while it lasts; null: once. */
  readonly remindMinutes: number | null;
  readonly enabled: boolean;
}

/** Times in epoch ms. */
export interface ConnectionFacts {
  readonly connectionId: string;
  readonly knownSince: number;
  readonly paused: boolean;
  readonly pausedAt: number | null;
  readonly failures: number;
  readonly failedAt: number | null;
  readonly failureCode: string | null;
  readonly succeededAt: number | null;
  /** Removals that wait for a person. */
  readonly heldItems: number;
  readonly heldSince: number | null;
  /** The last run of the whole connection that has ended. */
  readonly lastRun: { readonly id: string; readonly outcome: string | null; readonly at: number } | null;
}

export interface AlertFacts {
  readonly connections: readonly ConnectionFacts[];
  /** The last comparison of all stores; null: there was none. */
  readonly comparison: { readonly differences: number; readonly at: number } | null;
  /** The last check of the audit log; null: there was none. */
  readonly audit: { readonly problem: string | null; readonly brokenSince: number | null } | null;
}

/** Ids, codes and numbers only: they leave the house. */
export interface ProblemDetails {
  readonly code?: string;
  readonly count?: number;
  readonly run_id?: string;
}

export interface Trouble {
  /** Id of the connection, or empty. */
  readonly subject: string;
  readonly since: number;
  readonly details: ProblemDetails;
}

export interface ToldTrouble extends Trouble {
  readonly toldAt: number;
}

export type AlertEvent = 'problem' | 'reminder' | 'resolved' | 'test';

export interface Telling extends Trouble {
  readonly event: AlertEvent;
}

const MINUTE = 60_000;

/** What is wrong now, as far as the rule is about it. */
export function troublesOf(rule: AlertRule, facts: AlertFacts, now: number): Trouble[] {
  const own = facts.connections.filter((c) => rule.connectionId === null || c.connectionId === rule.connectionId);
  const limit = rule.threshold ?? USUAL_THRESHOLD[rule.kind] ?? 1;
  const found = (judge: (c: ConnectionFacts) => Omit<Trouble, 'subject'> | null) =>
    own.flatMap((c) => {
      const trouble = judge(c);
      return trouble === null ? [] : [{ subject: c.connectionId, ...trouble }];
    });
  switch (rule.kind) {
    case 'connection_failing':
      return found((c) =>
        c.failures < limit
          ? null
          : { since: c.failedAt ?? now, details: { count: c.failures, ...codeOf(c.failureCode) } },
      );
    case 'connection_paused':
      return found((c) => (c.paused ? { since: c.pausedAt ?? now, details: codeOf(c.failureCode) } : null));
    case 'not_fresh':
      return found((c) => {
        const last = c.succeededAt ?? c.knownSince;
        const minutes = Math.floor((now - last) / MINUTE);
        return minutes < limit ? null : { since: last + limit * MINUTE, details: { count: minutes } };
      });
    case 'removals_held':
      return found((c) => (c.heldItems === 0 ? null : { since: c.heldSince ?? now, details: { count: c.heldItems } }));
    case 'run_partial':
      return found((c) =>
        c.lastRun?.outcome === 'partial' ? { since: c.lastRun.at, details: { run_id: c.lastRun.id } } : null,
      );
    case 'stores_differ': {
      const { comparison } = facts;
      if (comparison === null || comparison.differences === 0) return [];
      return [{ subject: '', since: comparison.at, details: { count: comparison.differences } }];
    }
    case 'audit_broken': {
      const { audit } = facts;
      if (audit?.problem == null) return [];
      return [{ subject: '', since: audit.brokenSince ?? now, details: { code: audit.problem } }];
    }
  }
}

/**
 * Each problem is told once, again after the time for reminders, and at its end.
 * @param told what was told and is not known to be over
 */
export function tellingsOf(
  rule: AlertRule,
  facts: AlertFacts,
  told: readonly ToldTrouble[],
  now: number,
): { readonly tellings: readonly Telling[]; readonly told: readonly ToldTrouble[] } {
  const troubles = rule.enabled ? troublesOf(rule, facts, now) : [];
  const tellings: Telling[] = [];
  const next: ToldTrouble[] = [];
  for (const trouble of troubles) {
    const before = told.find(({ subject }) => subject === trouble.subject);
    if (before === undefined) {
      tellings.push({ event: 'problem', ...trouble });
      next.push({ ...trouble, toldAt: now });
      continue;
    }
    // It began when it was first told of: a new failure of the same kind is not a new problem.
    const lasting = { ...trouble, since: before.since };
    const due = rule.remindMinutes !== null && now - before.toldAt >= rule.remindMinutes * MINUTE;
    if (due) tellings.push({ event: 'reminder', ...lasting });
    next.push({ ...lasting, toldAt: due ? now : before.toldAt });
  }
  for (const { subject, since, details } of told) {
    if (troubles.some((trouble) => trouble.subject === subject)) continue;
    // A rule that was switched off has nothing more to say.
    if (rule.enabled) tellings.push({ event: 'resolved', subject, since, details });
  }
  return { tellings, told: next };
}

const codeOf = (code: string | null): ProblemDetails => (code === null ? {} : { code });
