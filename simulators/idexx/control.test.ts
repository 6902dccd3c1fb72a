import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClinic } from './clinic.ts';
import { noFaults } from './faults.ts';
import { DEFAULT_VARIANT } from './portal.ts';
import { startIdexx } from './server.ts';
import { FAULT_CHECKS, problemWith, VARIANT_CHECKS } from './settings.ts';
import type { IdexxSimulator } from './simulator.ts';

const NOW = Date.parse('2026-01-20T18:00:00Z');
let simulator: IdexxSimulator;

beforeEach(async () => {
  simulator = await startIdexx({ now: () => NOW, clinics: [createClinic({ now: NOW, daysAhead: 2 })] });
});
afterEach(() => simulator.stop());

async function call(
  method: string,
  action: string,
  body?: unknown,
  headers = {},
): Promise<[number, ReturnType<typeof JSON.parse>]> {
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await fetch(`${simulator.url}/_control/${action}`, init);
  return [response.status, await response.json()];
}

test('switches faults and variants, and refuses what is none', async () => {
  expect(await call('POST', 'faults', { serverError: 502, emptyDates: ['2026-01-20'] })).toMatchObject([200, {}]);
  expect(simulator.faults).toMatchObject({ serverError: 502, emptyDates: ['2026-01-20'] });
  expect(await call('POST', 'faults', { earthquake: true })).toEqual([400, { error: 'earthquake is no switch' }]);
  expect(await call('POST', 'faults', { slowMs: '5' })).toEqual([400, { error: 'slowMs does not take "5"' }]);
  await call('POST', 'well');
  expect(simulator.faults).toEqual(noFaults());
  await call('POST', 'variant', { calendarShape: 'compact' });
  expect(simulator.variant.calendarShape).toBe('compact');
  await call('POST', 'usual');
  expect(simulator.variant).toEqual(DEFAULT_VARIANT);
});

test('every switch takes its usual value', () => {
  expect(problemWith(noFaults(), FAULT_CHECKS)).toBeNull();
  expect(problemWith(DEFAULT_VARIANT, VARIANT_CHECKS)).toBeNull();
  expect(problemWith([], FAULT_CHECKS)).toBe('an object is needed');
});

test('lets the clinics live and shows the world', async () => {
  const [status, { events }] = await call('POST', 'live', { hours: 2 });
  expect(status).toBe(200);
  expect(events.length).toBeGreaterThan(10);
  expect((await call('POST', 'live', { hours: -1 }))[0]).toBe(400);
  expect((await call('POST', 'live', { hours: 1, companyId: 'x' }))[0]).toBe(400);
  const [, world] = await call('GET', 'world');
  expect(world.clinics[0]).toMatchObject({ wall: '2026-01-20 10:00:00', companyId: '10001' });
  expect(world.clinics[0].events).toEqual(simulator.clinics[0]!.events);
  expect(await call('GET', 'requests')).toEqual([200, []]);
  expect(await call('POST', 'end-sessions')).toEqual([200, { ended: 0 }]);
  expect(await call('POST', 'unlock')).toEqual([200, {}]);
});

test('is not for others', async () => {
  expect((await call('POST', 'well', {}, { origin: 'https://elsewhere.example' }))[0]).toBe(403);
  expect((await call('GET', 'everything'))[0]).toBe(404);
  const response = await fetch(`${simulator.url}/_control/faults`, { method: 'POST', body: '{' });
  expect(response.status).toBe(400);
});
