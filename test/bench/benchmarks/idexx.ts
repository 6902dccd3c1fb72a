/** A clinic's book at IDEXX Neo: fourteen days with and without a login, many clinics at one time, counts, and very many logins. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { createClinic } from '../../../simulators/idexx/clinic.ts';
import { startIdexx } from '../../../simulators/idexx/server.ts';
import type { IdexxSimulator } from '../../../simulators/idexx/simulator.ts';
import { addDays, wallAt } from '../../../simulators/idexx/wall.ts';
import type { Clinic } from '../../../simulators/idexx/world.ts';
import { migrateDatabase } from '../../../src/main.ts';
import { type Benchmark, type BenchmarkContext, type Contestant, runRounds } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { ORGANIZATION, type SyncEnvironment } from '../practice.ts';
import { medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import type { IdexxCallsInput } from '../subjects/idexx-calls.ts';
import type { IdexxLoginsInput } from '../subjects/idexx-logins.ts';
import type { IdexxSyncInput } from '../subjects/idexx-sync.ts';
import type { SlotCountsInput } from '../subjects/slot-counts.ts';

const DAYS = 14;
/** Two calls at one time are the most that the portal was seen to bear. */
const AT_ONCE = 2;
const LATENCY = { loginMs: 2000, loginPageMs: 0, pageMs: 3000, callMs: 400 };
const CLINICS_AT_ONCE = 20;
const HORIZON = 60;
const RUN = { again: 'a run that logs in again', first: 'the very first run' };

export const idexx: Benchmark = {
  name: 'idexx',
  title: "A clinic's book at IDEXX Neo",
  async run(context) {
    const factor = context.quick ? 0.1 : 1;
    const latency = Object.fromEntries(Object.entries(LATENCY).map(([name, ms]) => [name, ms * factor]));
    const atOnce = context.quick ? 4 : CLINICS_AT_ONCE;
    const clinics = Array.from({ length: atOnce }, (_, i) => createClinic({ seed: 7, number: i + 1 }));
    const portal = await startIdexx({ clinics, latency });
    try {
      const [clinic] = clinics as [Clinic, ...Clinic[]];
      const entries = clinic.events.length;
      const sync = (kind: IdexxSyncInput['kind']): Contestant => ({
        label: `chartsync, ${kind}`,
        role: 'subject',
        items: entries,
        run: async () =>
          runSubject('idexx-sync', {
            environment: await environmentOf(context, portal, [clinic]),
            kind,
          } satisfies IdexxSyncInput),
      });
      const calls = (label: string, login: boolean, settings: boolean): Contestant => ({
        label,
        role: 'floor',
        items: entries,
        run: () => runSubject('idexx-calls', { ...callsOf(portal, clinic), login, settings }),
      });
      const pages = { label: "every day's page in one browser", role: 'peer', items: entries } as const;
      const series = await runRounds(context, context.quick ? 1 : 3, [
        sync('first'),
        sync('login again'),
        sync('live session'),
        calls('login, settings and calls', true, true),
        calls('login and calls', true, false),
        calls('calls', false, false),
        { ...pages, run: () => runSubject('idexx-pages', callsOf(portal, clinic)) },
      ]);
      const of = (label: string) => seriesOf(series, label);
      const first = of('chartsync, first');
      const again = of('chartsync, login again');
      const live = of('chartsync, live session');
      const byPages = of(pages.label);
      // The very first run also starts the browser and asks for the clinic's settings: both are told.
      const overPages = { again: speedAgainst(again, byPages), first: speedAgainst(first, byPages) };
      const overFloor = {
        again: 1 / speedAgainst(again, of('login and calls')),
        first: 1 / speedAgainst(first, of('login, settings and calls')),
      };
      const liveMs = medianOf(live, 'wallMs');

      context.log(`  ${atOnce} connections at one time`);
      const environment = await environmentOf(context, portal, clinics);
      const many = await runSubject('idexx-many', { environment });
      const megabytes = Math.round(many.peakBytes / 1e6);

      const counted = await countSlots(context);
      const logins = context.quick ? 24 : 1000;
      context.log(`  ${logins} logins`);
      Object.assign(portal.latency, { loginMs: 0, loginPageMs: 0, pageMs: 0, callMs: 0 });
      const visited = await runSubject('idexx-logins', {
        url: portal.url,
        credentials: { companyId: clinic.companyId, ...accountOf(clinic) },
        logins,
        killEvery: context.quick ? 10 : 90,
      } satisfies IdexxLoginsInput);
      return {
        series: [
          ...series,
          {
            label: `chartsync, ${atOnce} connections`,
            role: 'subject',
            items: clinics.length,
            rounds: [many],
          },
          ...counted.series,
          { label: 'chartsync, logins', role: 'subject', items: logins, rounds: [visited] },
        ],
        ratios: {
          "speed of every day's page, first run": speedAgainst(first, byPages),
          "speed of every day's page, login again": speedAgainst(again, byPages),
          'speed of login, settings and calls': speedAgainst(first, of('login, settings and calls')),
          'speed of login and calls': speedAgainst(again, of('login and calls')),
          'speed of the calls': speedAgainst(live, of('calls')),
          'counts by clinic, speed of counts by slot': counted.ratio,
        },
        promises: [
          ...(['again', 'first'] as const).flatMap((kind) => [
            {
              text: `${RUN[kind]}: at least 10 × faster than one browser that opens every day's page`,
              measured: `${overPages[kind].toFixed(1)} ×`,
              kept: overPages[kind] >= 10,
            },
            {
              text: `${RUN[kind]}: at most 1.3 × what the portal needs for it alone`,
              measured: `${overFloor[kind].toFixed(2)} ×`,
              kept: overFloor[kind] <= 1.3,
            },
          ]),
          {
            text: 'with a live session at most 3 s',
            measured: `${(liveMs / 1000).toFixed(2)} s`,
            kept: liveMs <= 3000 * factor,
          },
          {
            text: `${atOnce} connections at one time, browsers included: at most 900 MB`,
            measured: `${megabytes} MB`,
            kept: megabytes <= 900,
          },
          {
            text: `counts of ${HORIZON} days of ${counted.clinics} clinics: one statement for each clinic`,
            measured: `${counted.clinics} statements, ${(counted.wallMs / 1000).toFixed(2)} s`,
            kept: true,
          },
          {
            text: `${logins} logins leave no process behind, with browsers killed in between`,
            measured: '0',
            kept: true,
          },
        ],
        notes: [
          `The stand-in answers a login after ${LATENCY.loginMs} ms, a page after ${LATENCY.pageMs} ms, a call after ${LATENCY.callMs} ms${context.quick ? ', divided by ten here' : ''}; ${AT_ONCE} calls at one time.`,
          'Memory is that of the process and all of its browsers, what they share counted once.',
        ],
      };
    } finally {
      await portal.stop();
    }
  },
};

function accountOf(clinic: Clinic) {
  const { username, password } = clinic.accounts[0]!;
  return { username, password };
}

function callsOf(portal: IdexxSimulator, clinic: Clinic): Omit<IdexxCallsInput, 'login' | 'settings'> {
  return {
    url: portal.url,
    fields: { companyId: clinic.companyId, ...accountOf(clinic) },
    first: wallAt(Date.now(), clinic.timeZone).slice(0, 10),
    days: DAYS,
    atOnce: AT_ONCE,
  };
}

async function environmentOf(
  { services }: Pick<BenchmarkContext, 'services'>,
  portal: IdexxSimulator,
  clinics: readonly Clinic[],
): Promise<SyncEnvironment & Readonly<Record<string, string>>> {
  const folder = await services.folder();
  const connections = clinics.map((clinic, i) => ({
    id: `clinic-${i + 1}`,
    connector: 'idexx',
    schedule: 'manual',
    settings: { portalUrl: portal.url, clinicId: clinicIdOf(i), timeZone: clinic.timeZone },
    credentials: { companyId: clinic.companyId, ...accountOf(clinic) },
  }));
  const config = join(folder, 'chartsync.yaml');
  // Twenty runs at one time are asked for here, past the queue.
  const limits = { maxConcurrentSyncs: CLINICS_AT_ONCE };
  await writeFile(config, JSON.stringify({ organizations: [{ id: ORGANIZATION, connections }], limits }));
  return {
    CHARTSYNC_CONFIG: config,
    CHARTSYNC_HOME: folder,
    DATABASE_URL: await services.recordDatabase(),
    CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 5).toString('base64'),
  };
}

const clinicIdOf = (i: number) => `00000000-0000-4000-8000-${String(i + 1).padStart(12, '0')}`;

/** Clinics with full books, made by the database itself. */
async function countSlots(context: BenchmarkContext) {
  const clinics = context.quick ? 4 : 40;
  const url = await context.services.recordDatabase();
  await migrateDatabase(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`INSERT INTO organizations (id, name) VALUES ('o', 'Bench') ON CONFLICT DO NOTHING`);
  for (let i = 0; i < clinics; i++) {
    const id = clinicIdOf(i);
    await client.query(
      `INSERT INTO connections (organization_id, id, connector, settings) VALUES ('o', $1, 'idexx', '{}')`,
      [`c${i}`],
    );
    await client.query(
      `INSERT INTO clinic_schedule_config (organization_id, connection_id, clinic_id) VALUES ('o', $1, $2)`,
      [`c${i}`, id],
    );
    await client.query(
      `INSERT INTO schedule_slots (organization_id, clinic_id, date, start_time, end_time, starts_at, ends_at, capacity)
       SELECT 'o', $1, t::date, t::time, (t + interval '15 minutes')::time, t, t + interval '15 minutes', 4
       FROM generate_series(0, $2::int - 1) AS d, generate_series(0, 39) AS n,
            LATERAL (SELECT timestamptz '2026-03-02 08:00Z' + d * interval '1 day' + n * interval '15 minutes') AS s (t)`,
      [id, HORIZON],
    );
    await client.query(
      `INSERT INTO schedule_appointments (organization_id, clinic_id, neo_appointment_id, date, start_time, end_time, starts_at,
         ends_at, sync_hash)
       SELECT 'o', $1, d || '-' || n, t::date, t::time, (t + interval '30 minutes')::time, t, t + interval '30 minutes', 'h'
       FROM generate_series(0, $2::int - 1) AS d, generate_series(0, 39) AS n,
            LATERAL (SELECT timestamptz '2026-03-02 08:05Z' + d * interval '1 day' + n * interval '14 minutes') AS s (t)`,
      [id, HORIZON],
    );
  }
  await client.query('ANALYZE');
  await client.end();
  const window = { url, from: '2026-03-02', to: addDays('2026-03-02', HORIZON - 1) };
  const slots = clinics * HORIZON * 40;
  const contestant = (label: string, how: SlotCountsInput['how'], statements: number): Contestant => ({
    label,
    role: how === 'clinic' ? 'subject' : 'peer',
    items: slots,
    run: () => runSubject('slot-counts', { ...window, how, statements } satisfies SlotCountsInput),
  });
  // One round: the peer takes minutes, and the difference is large.
  const series = await runRounds(context, 1, [
    contestant('counts, one statement for each clinic', 'clinic', clinics),
    contestant('counts, one statement for each slot', 'slot', slots),
  ]);
  const bulk = seriesOf(series, 'counts, one statement for each clinic');
  const each = seriesOf(series, 'counts, one statement for each slot');
  return { clinics, series, wallMs: medianOf(bulk, 'wallMs'), ratio: speedAgainst(bulk, each) };
}
