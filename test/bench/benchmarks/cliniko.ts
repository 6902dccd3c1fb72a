/** A large Cliniko account: the first copy, what changed since, and a copy under the vendor's limit. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mutate } from '../../../simulators/cliniko/life.ts';
import { createRandom } from '../../../simulators/cliniko/random.ts';
import { type ClinikoSimulator, startCliniko } from '../../../simulators/cliniko/server.ts';
import { type Benchmark, type BenchmarkContext, type Contestant, type Measurement, runRounds } from '../benchmark.ts';
import { runSubject } from '../outside.ts';
import { ORGANIZATION, type SyncEnvironment } from '../practice.ts';
import { median, medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import type { ClinikoSyncInput } from '../subjects/cliniko-sync.ts';
import type { ReadPagesInput } from '../subjects/read-pages.ts';

const PER_MINUTE = 200;

export const cliniko: Benchmark = {
  name: 'cliniko',
  title: 'Copies of a Cliniko account',
  async run(context) {
    const patients = context.quick ? 2000 : 100_000;
    const appointments = context.quick ? 6000 : 300_000;
    context.log(`  an account of ${patients} patients and ${appointments} appointments`);
    const simulator = await startCliniko({ rateLimit: null, accounts: [{ seed: 3, patients, appointments }] });
    const limited = await startCliniko({
      rateLimit: { requests: PER_MINUTE, windowSeconds: 60 },
      accounts: [{ seed: 4, patients: context.quick ? 500 : 12_000, appointments: context.quick ? 1000 : 36_000 }],
    });
    try {
      const { world, key } = simulator.accounts[0]!;
      // Blocks, types and the like are few.
      const { patients: people, appointments: visits, attendees } = world.tables;
      const records = people.rows.length + visits.rows.length + attendees.rows.length;
      const lists = ['patients', 'individual_appointments', 'group_appointments', 'attendees'] as const;
      const floorInput: ReadPagesInput = { url: simulator.url, apiKey: key, lists, records };
      let last: SyncEnvironment | null = null;
      const contestants: Contestant[] = [
        {
          label: 'chartsync, first copy',
          role: 'subject',
          items: records,
          async run() {
            last = await environmentOf(context, simulator, 'unlimited');
            return runSubject('cliniko-sync', {
              environment: last,
              mode: 'comprehensive',
              added: records,
            } satisfies ClinikoSyncInput);
          },
        },
        {
          label: 'reading the pages',
          role: 'floor',
          items: records,
          run: () => runSubject('read-pages', floorInput),
        },
      ];
      const series = await runRounds(context, context.quick ? 1 : 3, contestants);
      const copy = seriesOf(series, 'chartsync, first copy');

      const changes: Measurement[] = [];
      const asked: number[] = [];
      const random = createRandom('bench');
      for (let round = 0; round < (context.quick ? 1 : 5); round++) {
        mutate(world, random, 50);
        const before = simulator.requests.length;
        changes.push(
          await runSubject('cliniko-sync', {
            environment: last!,
            mode: 'incremental',
            added: null,
          } satisfies ClinikoSyncInput),
        );
        asked.push(simulator.requests.length - before);
      }
      context.log('  under the limit');
      const slow = await runSubject('cliniko-sync', {
        environment: await environmentOf(context, limited, PER_MINUTE),
        mode: 'comprehensive',
        added: null,
      } satisfies ClinikoSyncInput);
      const requests = limited.requests.length;
      const refused = limited.requests.filter((request) => request.status === 429).length;
      // What was refused has brought nothing.
      const answered = limited.requests.filter((request) => request.status === 200);
      const twice = answered.length - new Set(answered.map((r) => `${r.path}?${r.query}`)).size;
      const floorMs = (requests / PER_MINUTE) * 60_000;

      const perSecond = Math.round((records / medianOf(copy, 'wallMs')) * 1000);
      const megabytes = Math.round(medianOf(copy, 'peakBytes') / 1e6);
      const changeMs = median(changes.map((c) => c.wallMs));
      return {
        series: [...series, { label: 'chartsync, 50 changes', role: 'subject', items: 50, rounds: changes }],
        ratios: { 'speed of reading the pages': speedAgainst(copy, seriesOf(series, 'reading the pages')) },
        promises: [
          {
            text: 'at least 5,000 records a second, first copy, attendees counted as records',
            measured: `${perSecond} a second`,
            kept: perSecond >= 5000,
          },
          { text: 'at most 300 MB', measured: `${megabytes} MB`, kept: megabytes <= 300 },
          {
            text: '50 changes: at most 10 requests',
            measured: `${asked[0]}`,
            kept: asked[0]! <= 10,
          },
          { text: '50 changes: at most 2 s', measured: `${(changeMs / 1000).toFixed(2)} s`, kept: changeMs <= 2000 },
          {
            text: `under the limit at most 1.05 × (requests ÷ ${PER_MINUTE} a minute)`,
            measured: `${(slow.wallMs / floorMs).toFixed(2)} × (${requests} requests, ${refused} refused, ${twice} asked twice)`,
            kept: slow.wallMs <= floorMs * 1.05 && twice === 0,
          },
        ],
        notes: [
          `${patients} patients and ${appointments} appointments; the stand-in, PostgreSQL and the program share two cores.`,
          `A read of changes looks back ten minutes: each later round reads the changes of the rounds before it again (up to ${Math.max(...asked)} requests for ${50 * asked.length} changes).`,
        ],
      };
    } finally {
      await simulator.stop();
      await limited.stop();
    }
  },
};

async function environmentOf(
  { services }: BenchmarkContext,
  simulator: ClinikoSimulator,
  requestsPerMinute: number | 'unlimited',
): Promise<SyncEnvironment> {
  const folder = await services.folder();
  const file = {
    organizations: [
      {
        id: ORGANIZATION,
        connections: [
          {
            id: 'cliniko',
            connector: 'cliniko',
            schedule: 'manual',
            settings: { baseUrl: simulator.url, contactEmail: 'bench@clinic.example', requestsPerMinute },
            credentials: { apiKey: simulator.accounts[0]!.key },
          },
        ],
      },
    ],
  };
  const config = join(folder, 'chartsync.yaml');
  await writeFile(config, JSON.stringify(file));
  return { CHARTSYNC_CONFIG: config, CHARTSYNC_HOME: folder, DATABASE_URL: await services.recordDatabase() };
}
