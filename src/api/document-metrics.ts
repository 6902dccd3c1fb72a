/** The part of `/metrics` about documents: what waits, what differs, and the care of the index. */
import { Gauge, type Registry } from 'prom-client';
import type { MetricsSnapshot } from '../ports/run-metrics.ts';
import type { UpkeepState } from '../ports/upkeep.ts';
import { MAINTAIN_SEARCH } from '../runs/nightly.ts';

export function describeDocuments(registry: Registry, snapshot: MetricsSnapshot, upkeep: readonly UpkeepState[]): void {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const organization = ['organization'] as const;
  const connection = ['organization', 'connection'] as const;

  const waiting = gauge('document_outbox_waiting', 'Documents that wait to be worked on.', organization);
  const working = gauge('document_outbox_working', 'Documents at work.', organization);
  const failing = gauge('document_outbox_failing', 'Those that wait because their last try failed.', organization);
  const oldest = gauge('document_outbox_oldest_age_seconds', 'How long the oldest one waits.', organization);
  const refused = gauge('document_errors', 'Documents that cannot be read, or that were refused.', organization);
  for (const o of snapshot.outbox) {
    const labels = { organization: o.organizationId };
    waiting.set(labels, o.waiting);
    working.set(labels, o.working);
    failing.set(labels, o.failing);
    oldest.set(labels, o.oldestSeconds);
    refused.set(labels, o.refused);
  }

  const pending = gauge('mirror_pending', 'Changes that the mirrored tables do not have yet.', connection);
  const lag = gauge('mirror_oldest_age_seconds', 'How long the oldest one waits.', connection);
  const lacks = gauge(
    'mirror_lacks_characters',
    '1: its columns cannot hold every character, and have "?".',
    connection,
  );
  for (const m of snapshot.mirrors) {
    const labels = { organization: m.organizationId, connection: m.connectionId };
    pending.set(labels, m.pending);
    lag.set(labels, m.oldestSeconds);
    lacks.set(labels, m.lacksCharacters ? 1 : 0);
  }

  const finished = gauge(
    'consistency_last_finished_timestamp_seconds',
    'End of the last comparison of all stores.',
    organization,
  );
  const differences = gauge('consistency_differences', 'What the last comparison found.', [
    ...organization,
    'store',
    'kind',
  ]);
  for (const c of snapshot.consistency) {
    finished.set({ organization: c.organizationId }, c.finishedAt);
    if (c.store === null || c.kind === null) continue;
    differences.set({ organization: c.organizationId, store: c.store, kind: c.kind }, c.count);
  }

  const maintained = upkeep.find(({ task }) => task === MAINTAIN_SEARCH);
  if (maintained?.finishedAt == null || maintained.code !== null) return;
  gauge('search_maintained_timestamp_seconds', 'When the search index was last tidied up.', []).set(
    Date.parse(maintained.finishedAt) / 1000,
  );
}
