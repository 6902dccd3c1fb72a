/** With an SDK, requests and runs are spans; they hold ids and codes, and no patient. */
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const exporter = new InMemorySpanExporter();
let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  setup = await setUpPractice({ patients: 3, attachments: 15 });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config: setup.config, database });
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
  trace.disable();
});

test('a run and the requests about it', async () => {
  const call = (method: string, path: string) =>
    fetch(`${server.url}${path}`, { method, headers: { authorization: `Bearer ${server.adminKey}` } });
  const { syncId } = (await (await call('POST', '/api/sync/vsrx?wait=true')).json()) as { syncId: string };
  const [patient] = Object.keys(await storedState(setup.connection));
  await (await call('GET', `/api/sync/status/${patient}`)).arrayBuffer();
  await (await call('GET', '/no-such-route/with-a-name')).arrayBuffer();
  // A span ends after the answer has gone.
  const names = () => exporter.getFinishedSpans().map(({ name }) => name);
  await until(() => ['run', 'GET /api/sync/status/:patientId', 'GET none'].every((name) => names().includes(name)));
  const spans = exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }));
  expect(spans).toContainEqual({
    name: 'run',
    attributes: expect.objectContaining({
      'chartsync.organization': ORGANIZATION,
      'chartsync.connection': CONNECTION,
      'chartsync.run': syncId,
      'chartsync.outcome': 'partial',
      'chartsync.items.added': expect.any(Number),
    }),
  });
  expect(spans).toContainEqual({
    name: 'GET /api/sync/status/:patientId',
    attributes: expect.objectContaining({ 'http.response.status_code': 200 }),
  });
  const all = exporter.getFinishedSpans();
  const run = all.find(({ name, attributes }) => name === 'run' && attributes['chartsync.run'] === syncId)!;
  const steps = all.filter(({ name, attributes }) => name === 'step' && attributes['chartsync.run'] === syncId);
  expect(steps.map(({ attributes }) => attributes['chartsync.step'])).toEqual([
    'Checking the source',
    'Comparing',
    'Copying',
    'Removing',
  ]);
  for (const step of steps) {
    expect(step.parentSpanContext?.spanId).toBe(run.spanContext().spanId);
    expect(step.spanContext().traceId).toBe(run.spanContext().traceId);
  }
  const text = JSON.stringify(spans.concat(steps.map(({ name, attributes }) => ({ name, attributes }))));
  for (const secret of [patient!, server.adminKey, 'with-a-name']) expect(text).not.toContain(secret);
});
