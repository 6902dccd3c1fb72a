/** `/metrics` for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { Type } from 'typebox';
import { usualWindow } from '../../engine/schedule/sync-book.ts';
import type { MetricsSnapshot } from '../../ports/run-metrics.ts';
import { isBookConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { describeAlerts } from '../alert-metrics.ts';
import { describeDocuments } from '../document-metrics.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

/** Counts of a run that say what it did; the others say how things are. */
const ACTIONS = ['added', 'updated', 'moved', 'removed', 'same', 'failed', 'bytes'] as const;

/** @param counted by this server, whoever asks */
export function metricsRoutes(
  app: FastifyInstance,
  services: ApiServices,
  access: Access,
  counted: readonly Metric[],
): void {
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Metrics for Prometheus',
        description:
          'With the key of an organisation only its own series. Those about runs are the same at every replica; those of the process are of the one that answers.',
        operationId: 'metrics',
        tags: ['state'],
        headers: SelectOrganization,
        response: {
          200: { description: 'Text of Prometheus.', content: { 'text/plain': { schema: Type.String() } } },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizations = await access.authorizeAll(request, 'sync:read');
      const registry = new Registry();
      describeProcess(registry, services);
      for (const metric of counted) registry.registerMetric(metric);
      await describeBooks(registry, services, organizations);
      const snapshot = await services.metrics.snapshot(organizations);
      describeRuns(registry, snapshot, Date.now());
      describeAlerts(registry, snapshot);
      describeDocuments(registry, snapshot, await services.upkeep.states());
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  );
}

function describeProcess(registry: Registry, services: ApiServices): void {
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  const memory = process.memoryUsage();
  gauge('process_uptime_seconds', 'Since the process started.', Math.round(process.uptime() * 1000) / 1000);
  gauge('process_memory_bytes', 'Resident memory of the process.', memory.rss);
  gauge('process_heap_used_bytes', 'JavaScript objects.', memory.heapUsed);
  const cpu = process.cpuUsage();
  new Counter({ name: 'process_cpu_seconds_total', help: 'User and system time.', registers: [registry] }).inc(
    (cpu.user + cpu.system) / 1e6,
  );
  gauge('sync_worker_runs', 'Runs that this process works on.', services.sync.active.size);
  gauge('sync_worker_helps', 'Large runs of other processes that this one copies for.', services.helping());
  new Counter({
    name: 'outbound_wait_seconds_total',
    help: 'How long requests of this process to outside systems had to wait for their limits.',
    registers: [registry],
  }).inc(services.outboundWaitMs() / 1000);
  const pool = services.databasePool();
  const browsers = services.browsers();
  gauge('browser_pool_total', 'Browsers that this process may have.', browsers.total);
  gauge('browser_pool_in_use', 'Those that log in somewhere.', browsers.inUse);
  gauge('browser_pool_available', 'Those that nobody uses.', browsers.available);
  gauge('database_pool_total', 'Connections to the record database.', pool.total);
  gauge('database_pool_idle', 'Those that nobody uses.', pool.idle);
  gauge('database_pool_waiting', 'Questions that wait for a connection.', pool.waiting);
}

async function describeBooks(registry: Registry, services: ApiServices, organizations: readonly string[]) {
  const books = services.connections.filter(isBookConnection).filter((c) => organizations.includes(c.organizationId));
  if (books.length === 0) return;
  const labelNames = ['organization', 'connection'];
  const age = new Gauge({
    name: 'schedule_day_age_seconds',
    help: 'Since the calendar of a date was read; +Inf: never. days_ahead 0 is today at the clinic.',
    labelNames: [...labelNames, 'days_ahead'],
    registers: [registry],
  });
  const alarm = new Gauge({
    name: 'schedule_days_in_alarm',
    help: 'Dates of the window whose book is older than alarmAfter, or was never read.',
    labelNames,
    registers: [registry],
  });
  for (const { organizationId, id, settings } of books) {
    const now = Date.now();
    const labels = { organization: organizationId, connection: id };
    const window = usualWindow(settings, now);
    const days = await services.book.freshness({ organizationId, clinicId: settings.clinicId }, window);
    for (const [ahead, { readAt }] of days.entries()) {
      const seconds = readAt === null ? Number.POSITIVE_INFINITY : Math.max(0, (now - readAt) / 1000);
      age.set({ ...labels, days_ahead: String(ahead) }, seconds);
    }
    // Of a clinic that was never read there are no dates.
    const fine = days.filter((day) => day.freshness !== 'alarm').length;
    alarm.set(labels, settings.daysAhead - fine);
  }
}

function describeRuns(registry: Registry, snapshot: MetricsSnapshot, now: number): void {
  const registers = [registry];
  const of = (key: { organizationId: string; connectionId: string }) => ({
    organization: key.organizationId,
    connection: key.connectionId,
  });
  const connection = ['organization', 'connection'] as const;

  const active = new Gauge({
    name: 'sync_queue_active',
    help: 'Runs that are starting or running.',
    labelNames: ['organization'],
    registers,
  });
  const queued = new Gauge({
    name: 'sync_queue_queued',
    help: 'Runs that wait.',
    labelNames: ['organization'],
    registers,
  });
  const oldest = new Gauge({
    name: 'sync_queue_oldest_age_seconds',
    help: 'How long the oldest waiting run has waited.',
    labelNames: ['organization'],
    registers,
  });
  // A series that is missing raises no alarm: an empty queue is nought.
  for (const organization of new Set(snapshot.connections.map((c) => c.organizationId))) {
    const queue = snapshot.queues.find((q) => q.organizationId === organization);
    active.set({ organization }, queue?.active ?? 0);
    queued.set({ organization }, queue?.queued ?? 0);
    oldest.set({ organization }, queue?.oldestQueuedSeconds ?? 0);
  }

  const runs = new Counter({
    name: 'sync_runs_total',
    help: 'Runs that have ended.',
    labelNames: [...connection, 'state', 'outcome'],
    registers,
  });
  const items = new Counter({
    name: 'sync_items_total',
    help: 'Items by what runs did with them; bytes are those copied.',
    labelNames: [...connection, 'action'],
    registers,
  });
  for (const total of snapshot.totals) {
    runs.inc({ ...of(total), state: total.state, outcome: total.outcome }, total.runs);
    for (const action of ACTIONS) items.inc({ ...of(total), action }, Number(total.items[action] ?? 0));
  }
  registry.registerMetric(durations(snapshot));

  const success = new Gauge({
    name: 'sync_last_success_timestamp_seconds',
    help: 'End of the last successful run of the whole connection; nought before the first.',
    labelNames: connection,
    registers,
  });
  const freshness = new Gauge({
    name: 'sync_freshness_seconds',
    help: 'Since the last successful run of the whole connection; missing before the first.',
    labelNames: connection,
    registers,
  });
  const failures = new Gauge({
    name: 'sync_consecutive_failures',
    help: 'Failed runs in a row.',
    labelNames: connection,
    registers,
  });
  const paused = new Gauge({
    name: 'sync_connection_paused',
    help: '1: nothing runs by itself, because of a person or of failures.',
    labelNames: connection,
    registers,
  });
  const held = new Gauge({
    name: 'sync_held_items',
    help: 'Deletions that wait for a person.',
    labelNames: connection,
    registers,
  });
  for (const c of snapshot.connections) {
    success.set(of(c), c.lastSuccess ?? 0);
    if (c.lastSuccess !== null) freshness.set(of(c), Math.max(0, now / 1000 - c.lastSuccess));
    failures.set(of(c), c.consecutiveFailures);
    paused.set(of(c), c.paused ? 1 : 0);
    held.set(of(c), c.heldItems);
  }
  const open = new Gauge({
    name: 'sync_item_failures',
    help: 'Items that failed and wait for a retry or a person, by error code.',
    labelNames: [...connection, 'code'],
    registers,
  });
  for (const f of snapshot.failures) open.set({ ...of(f), code: f.code }, f.items);
}

/** The library counts histograms itself; ours is counted where the runs end, in the database. */
function durations({ totals, durationBounds }: MetricsSnapshot): Metric {
  const name = 'sync_duration_seconds';
  const values = totals.flatMap((total) => {
    const labels = {
      organization: total.organizationId,
      connection: total.connectionId,
      state: total.state,
      outcome: total.outcome,
    };
    const bucket = (le: number | '+Inf', value: number) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value,
    });
    return [
      ...durationBounds.map((le, i) => bucket(le, Number(total.buckets[i] ?? 0))),
      bucket('+Inf', total.runs),
      { metricName: `${name}_sum`, labels, value: total.seconds },
      { metricName: `${name}_count`, labels, value: total.runs },
    ];
  });
  const metric = { name, help: 'How long runs took.', type: 'histogram', aggregator: 'sum', values };
  return { name, get: async () => metric } as unknown as Metric;
}
