/** Schedules that people choose: checked by what reads the configuration, followed at once, taken back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { CONNECTION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let call: DescribedCall;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config, database });
  call = await describedClient(() => server);
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const TEMPLATE = '/api/v1/connections/{connectionId}/schedule';
const PATH = `/api/v1/connections/${CONNECTION}/schedule`;
const preview = async (schedule: unknown) =>
  (await call('POST', `${TEMPLATE}/preview`, `${PATH}/preview`, { schedule })).body;
const runs = async () =>
  (await call('GET', '/api/v1/connections/{connectionId}/runs', `/api/v1/connections/${CONNECTION}/runs`)).body.runs;

test('a preview tells the next five starts in the zone of the clinic, or what is wrong', async () => {
  // Every day has this time once: no change of the clock leaves it out or repeats it.
  const night = await preview({ cron: '30 4 * * *' });
  expect([night.valid, night.next.length]).toEqual([true, 5]);
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Australia/Sydney', timeStyle: 'short' });
  // It never ran: the first start is now.
  expect(night.next.slice(1).map((at: string) => clock.format(new Date(at)))).toEqual([
    '04:30',
    '04:30',
    '04:30',
    '04:30',
  ]);
  const steps = (await preview({ every: '10m' })).next.map((at: string) => Date.parse(at));
  expect(steps.slice(1).map((at: number, i: number) => at - steps[i])).toEqual([600_000, 600_000, 600_000, 600_000]);
  expect(await preview('manual')).toEqual({ valid: true, mistakes: [], next: [] });
  const wrong = await preview({ every: 'soon' });
  expect([wrong.valid, wrong.mistakes[0]]).toEqual([
    false,
    expect.stringMatching(/^The time between two runs must be/),
  ]);
  expect((await call('GET', TEMPLATE, PATH)).body).toMatchObject({ schedule: 'manual', by: 'configuration', next: [] });
});

test('what a person chooses is followed at once, written down, and taken back', async () => {
  expect(await runs()).toEqual([]);
  const refused = await call('PUT', TEMPLATE, PATH, { schedule: { every: '1s' } });
  expect([refused.status, refused.body.error]).toEqual([
    400,
    expect.stringMatching(/^The time between two runs must be a time from 1m to 7d/),
  ]);
  const viewer = (await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'viewer', role: 'viewer' })).body.secret;
  expect((await call('PUT', TEMPLATE, PATH, { schedule: { every: '10m' } }, viewer)).status).toBe(403);
  const chosen = await call('PUT', TEMPLATE, PATH, { schedule: { every: '10m' } });
  expect(chosen.body).toMatchObject({ schedule: { every: '10m' }, configured: 'manual', by: 'person' });
  // The configuration has none: this run is the chosen schedule's.
  await until(async () => (await runs())[0]?.completed_at != null);
  expect((await runs())[0].metadata.trigger).toBe('schedule');
  const [connection] = (await call('GET', '/api/v1/connections', '/api/v1/connections')).body.connections;
  expect(Date.parse(connection.next_run_at)).toBe(Date.parse((await runs())[0].started_at) + 600_000);
  const back = await call('DELETE', TEMPLATE, PATH);
  expect(back.body).toMatchObject({ schedule: 'manual', by: 'configuration', updated_by: null });
  const { entries } = (await call('GET', '/api/v1/audit', '/api/v1/audit?action=schedule.')).body;
  expect(entries.map(({ action }: { action: string }) => action)).toEqual(['schedule.forget', 'schedule.choose']);
});
