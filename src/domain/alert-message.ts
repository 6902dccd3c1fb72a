/** What is told of a problem: for programs as JSON, for people as sentences. Ids, codes and numbers; no names, no addresses. */
import type { AlertEvent, AlertKind, AlertRule, ProblemDetails, Telling } from './alerts.ts';

/** The body of a webhook. */
export interface AlertMessage extends ProblemDetails {
  /** The same for each try. */
  readonly id: string;
  readonly event: AlertEvent;
  readonly kind: AlertKind;
  readonly alert_id: string;
  readonly organization_id: string;
  readonly connection_id: string | null;
  /** ISO instants. */
  readonly since: string;
  readonly at: string;
  /** Failed runs or minutes, of the rule. */
  readonly threshold: number | null;
}

export function messageOf(rule: AlertRule, telling: Telling, id: string, now: number): AlertMessage {
  return {
    id,
    event: telling.event,
    kind: rule.kind,
    alert_id: rule.id,
    organization_id: rule.organizationId,
    connection_id: telling.subject === '' ? null : telling.subject,
    since: new Date(telling.since).toISOString(),
    at: new Date(now).toISOString(),
    threshold: rule.threshold,
    ...telling.details,
  };
}

const WHAT: Readonly<Record<AlertKind, (message: AlertMessage) => string>> = {
  connection_failing: ({ connection_id, count, code }) =>
    `The connection ${connection_id} failed ${count ?? 'several'} times in a row${code === undefined ? '' : ` (${code})`}.`,
  connection_paused: ({ connection_id, code }) =>
    `The connection ${connection_id} is paused${code === undefined ? '' : ` (last failure: ${code})`}.`,
  not_fresh: ({ connection_id, count }) =>
    `The connection ${connection_id} had no successful run for ${count ?? 'many'} minutes.`,
  removals_held: ({ connection_id, count }) =>
    count === 1
      ? `1 deletion of the connection ${connection_id} waits for a person.`
      : `${count ?? 'Some'} deletions of the connection ${connection_id} wait for a person.`,
  stores_differ: ({ count }) => `The last comparison of all stores found ${count ?? 'some'} differences.`,
  audit_broken: ({ code }) => `The audit log is not whole${code === undefined ? '' : ` (${code})`}.`,
  run_partial: ({ connection_id, run_id }) =>
    `The last run of the connection ${connection_id} was partial${run_id === undefined ? '' : ` (${run_id})`}.`,
};

const BEGINS: Readonly<Record<AlertEvent, string>> = {
  problem: 'Problem',
  reminder: 'Still a problem',
  resolved: 'All right again',
  test: 'Test',
};

export function subjectOf(message: AlertMessage): string {
  const where = message.connection_id ?? message.organization_id;
  // The kind is called as programs have known it; people read the word of the pages.
  const what = message.kind === 'removals_held' ? 'deletions held' : message.kind.replaceAll('_', ' ');
  return `[Chartsync] ${BEGINS[message.event]}: ${what}, ${where}`;
}

export function textOf(message: AlertMessage): string {
  const what =
    message.event === 'test'
      ? 'This is a test. Nothing is wrong because of it.'
      : message.event === 'resolved'
        ? `This is over: ${WHAT[message.kind](message)}`
        : WHAT[message.kind](message);
  return [
    what,
    '',
    `Organisation: ${message.organization_id}`,
    ...(message.event === 'test' ? [] : [`Since: ${message.since}`]),
    `Told: ${message.at}`,
    `Alert: ${message.alert_id}`,
    `Message: ${message.id}`,
    '',
    'What to do: open the pages of Chartsync, or run "chartsync status".',
    '',
  ].join('\n');
}
