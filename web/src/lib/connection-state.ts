/** How a connection is, in words: its state, how fresh it is, and what of it needs a person. */
import type { Connection, DocumentsSummary, Run } from './api/client.ts';
import { length } from './time.ts';
import { number, words } from './words.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'off';
export interface Shown {
  readonly tone: Tone;
  readonly text: string;
}

/** The scheduler looks every second, and a run may wait for another one. */
const LATE_S = 120;

/** What matters most is said: what a person must do before what goes on by itself. */
export function stateOf(connection: Connection, now: number): Shown {
  if (connection.state === 'paused') return { tone: 'bad', text: words.state.paused };
  if (connection.running_sync_id !== null) return { tone: 'busy', text: words.state.running };
  if (connection.consecutive_failures > 0) return { tone: 'bad', text: words.state.failing };
  if (connection.held_items > 0) return { tone: 'warn', text: words.state.held };
  if (connection.last_success_at === null) return { tone: 'off', text: words.state.never };
  if (isLate(connection, now)) return { tone: 'warn', text: words.state.late };
  if (connection.open_failures > 0) return { tone: 'warn', text: words.state.partial };
  return { tone: 'good', text: words.state.fresh };
}

export function isLate({ next_run_at, running_sync_id }: Connection, now: number): boolean {
  return running_sync_id === null && next_run_at !== null && now - Date.parse(next_run_at) > LATE_S * 1000;
}

/** "4 min old, due in 6 min" */
export function freshnessOf(connection: Connection, now: number): string {
  const { last_success_at, next_run_at } = connection;
  const age =
    last_success_at === null
      ? words.freshness.never
      : words.freshness.old(length((now - Date.parse(last_success_at)) / 1000));
  return `${age}, ${dueOf(next_run_at, now)}`;
}

export function dueOf(nextRunAt: string | null, now: number): string {
  if (nextRunAt === null) return words.freshness.notByItself;
  const seconds = (Date.parse(nextRunAt) - now) / 1000;
  if (seconds > 0) return words.freshness.due(length(seconds));
  return -seconds > LATE_S ? words.freshness.overdue(length(-seconds)) : words.freshness.dueNow;
}

export interface Attention {
  readonly tone: Tone;
  readonly text: string;
  readonly detail: string | null;
  /** Null: not for this person. */
  readonly href: string | null;
  readonly action: string;
}

/** What needs a person, the worst first. @param can what the person who looks may do; others are only shown the place */
export function attentionOf(
  connections: readonly Connection[],
  now: number,
  can: (scope: 'sync:run' | 'held:decide') => boolean,
): Attention[] {
  const say = words.overview.attention;
  const found = connections.flatMap((connection): (Attention & { rank: number })[] => {
    const { id, state, state_reason, held_items, consecutive_failures, open_failures, last_run } = connection;
    const href = `/connections/${encodeURIComponent(id)}`;
    const items: (Attention & { rank: number })[] = [];
    if (state === 'paused')
      items.push({
        rank: 0,
        tone: 'bad',
        text: say.paused(id),
        detail: state_reason,
        href,
        action: can('sync:run') ? say.resume : say.look,
      });
    else if (consecutive_failures > 0) {
      const detail = last_run?.error ? `${last_run.error.message} ${last_run.error.remedy}` : null;
      items.push({ rank: 1, tone: 'bad', text: say.failing(id, consecutive_failures), detail, href, action: say.look });
    } else if (isLate(connection, now))
      items.push({ rank: 2, tone: 'warn', text: say.late(id), detail: null, href, action: say.look });
    if (held_items > 0)
      items.push({
        rank: 1,
        tone: 'warn',
        text: say.held(id, held_items),
        detail: null,
        href: '/held',
        action: can('held:decide') ? say.decide : say.look,
      });
    if (open_failures > 0)
      items.push({
        rank: 3,
        tone: 'warn',
        text: say.failures(id, open_failures),
        detail: null,
        href: `/failures?connection=${encodeURIComponent(id)}`,
        action: say.look,
      });
    return items;
  });
  return found.sort((a, b) => a.rank - b.rank).map(({ rank: _, ...item }) => item);
}

/**
 * Documents of all patients that a person can do something about.
 * @param documents null: not known yet. @param mayList the list of them names patients
 */
export function unreadAttention(documents: DocumentsSummary | null, mayList: boolean): Attention[] {
  const say = words.overview.attention;
  const causes = documents?.causes ?? [];
  const lines = [
    { say: say.unread, of: causes.filter(({ kind }) => kind === 'failed') },
    // What has no words at all is nobody's fault.
    { say: say.withoutText, of: causes.filter(({ kind, code }) => kind === 'without_text' && code !== 'no_text') },
  ];
  return lines
    .filter(({ of }) => of.length > 0)
    .map(({ say: text, of }) => ({
      tone: 'warn',
      text: text(of.reduce((sum, { items }) => sum + items, 0)),
      detail: of.length === 1 ? `${of[0]!.error} ${of[0]!.remedy}` : null,
      href: mayList ? '/patients/unread' : null,
      action: say.look,
    }));
}

const COUNTS = [
  'added',
  'updated',
  'moved',
  'removed',
  'same',
  'failed',
  'waiting',
  'skipped',
  'held',
  'missing',
] as const;
export type CountName = (typeof COUNTS)[number] | 'bytes';

export function countsOf(run: Run): { name: CountName; value: number }[] {
  return [...COUNTS, 'bytes' as const].map((name) => {
    const value = run.metadata[name];
    return { name, value: typeof value === 'number' ? value : 0 };
  });
}

/** "12 added, 2 removed, 1 failed": what is nought is left out, and what is unchanged unless there is nothing else. */
export function countsText(run: Run): string {
  const counts = countsOf(run).filter(({ name, value }) => value > 0 && name !== 'bytes');
  const telling = counts.filter(({ name }) => name !== 'same');
  const shown = telling.length > 0 ? telling : counts;
  if (shown.length === 0) {
    // Only a run that came to its end knows that there was nothing.
    if (run.completed_at === null) return words.counts.nothingYet;
    return run.status === 'completed' ? words.counts.nothing : words.counts.nothingDone;
  }
  return shown.map(({ name, value }) => `${number(value)} ${words.counts[name]}`).join(', ');
}

export function outcomeOf(run: Pick<Run, 'status' | 'partial_success'> & Partial<Pick<Run, 'error'>>): Shown {
  switch (run.status) {
    case 'completed':
      return run.partial_success
        ? { tone: 'warn', text: words.outcome.partial }
        : { tone: 'good', text: words.outcome.success };
    case 'failed':
      return { tone: 'bad', text: words.outcome.failed };
    case 'cancelled':
      // Nobody stopped it: it would have gone beyond its plan.
      if (run.error?.code === 'plan_differs') return { tone: 'warn', text: words.outcome.notAsPlanned };
      return { tone: 'off', text: words.outcome.cancelled };
    default:
      return { tone: 'busy', text: words.outcome[run.status] };
  }
}
