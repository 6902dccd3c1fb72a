/** The part of `/metrics` about messages of alerts: whether those who want to know are told. */
import { Gauge, type Registry } from 'prom-client';
import type { MetricsSnapshot } from '../ports/run-metrics.ts';

export function describeAlerts(registry: Registry, { alerts }: MetricsSnapshot): void {
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['organization'] as const, registers: [registry] });
  const waiting = gauge('alert_outbox_waiting', 'Messages of alerts that are not sent yet.');
  const failing = gauge('alert_outbox_failing', 'Those that wait because their last try failed.');
  const oldest = gauge('alert_outbox_oldest_age_seconds', 'How long the oldest one waits.');
  const givenUp = gauge('alert_outbox_given_up', 'Those of the last 30 days that nobody took for three days.');
  for (const { organizationId: organization, ...a } of alerts) {
    waiting.set({ organization }, a.waiting);
    failing.set({ organization }, a.failing);
    oldest.set({ organization }, a.oldestSeconds);
    givenUp.set({ organization }, a.givenUp);
  }
}
