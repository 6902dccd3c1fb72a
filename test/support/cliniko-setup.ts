/** A sample Cliniko account and a Chartsync that copies it, for one test. The judge is the simulator's oracle. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import type { AccountOptions } from '../../simulators/cliniko/accounts.ts';
import { activePatients, expectedAppointments, expectedPatients } from '../../simulators/cliniko/oracle.ts';
import { type ClinikoOptions, type ClinikoSimulator, startCliniko } from '../../simulators/cliniko/server.ts';
import type { World } from '../../simulators/cliniko/world.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { RecordMode } from '../../src/domain/run.ts';
import type { RunResult } from '../../src/engine/run-session.ts';
import { applyConfiguration, type Chartsync, openChartsync } from '../../src/main.ts';
import { isRecordConnection, type RecordConnection } from '../../src/runs/connections.ts';
import { runOnce } from '../../src/runs/sync-service.ts';
import { testDatabase } from './postgres.ts';

export const ORGANIZATION = 'org_test';
export const CONNECTION = 'cliniko';

export interface ClinikoSetup {
  readonly simulator: ClinikoSimulator;
  readonly world: World;
  readonly environment: Readonly<Record<string, string>>;
  readonly chartsync: Chartsync;
  readonly connection: RecordConnection;
  readonly databaseUrl: string;
  run(mode: RecordMode, signal?: AbortSignal): Promise<RunResult>;
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The copy agrees with the account. */
  expectCopy(): Promise<void>;
  /** Requests since the last call, without the ones for pages of people. */
  requests(): string[];
  reopen(): Promise<{ chartsync: Chartsync; connection: RecordConnection }>;
  close(): Promise<void>;
}

export interface ClinikoSetupOptions extends ClinikoOptions {
  readonly account?: AccountOptions;
  readonly moreAccounts?: readonly AccountOptions[];
  readonly settings?: Record<string, unknown>;
  readonly sections?: Record<string, unknown>;
  /** Further organisations of the configuration. */
  readonly others?: readonly object[];
  /** Instead of the key of the account; null: none in the configuration. */
  readonly apiKey?: string | null;
}

export async function setUpCliniko(options: ClinikoSetupOptions = {}): Promise<ClinikoSetup> {
  const folder = await mkdtemp(join(tmpdir(), 'chartsync-cliniko-'));
  const records = await testDatabase();
  const simulator = await startCliniko({
    rateLimit: null,
    ...options,
    accounts: [{ seed: 5, patients: 230, appointments: 640, ...options.account }, ...(options.moreAccounts ?? [])],
  });
  const account = simulator.accounts[0]!;
  const environment = {
    CHARTSYNC_HOME: join(folder, 'home'),
    CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
    CHARTSYNC_ADMIN_KEY: 'test-administrator-key-0123456789',
    CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString('base64'),
    DATABASE_URL: records.url,
    PORT: '0',
    SYNC_LOG_LEVEL: 'error',
  };
  const apiKey = options.apiKey === undefined ? account.key : options.apiKey;
  const file = {
    organizations: [
      {
        id: ORGANIZATION,
        name: 'Test Clinic',
        timeZone: 'Australia/Sydney',
        connections: [
          {
            id: CONNECTION,
            connector: 'cliniko',
            schedule: 'manual',
            settings: {
              baseUrl: simulator.url,
              contactEmail: 'it@clinic.example',
              requestsPerMinute: 'unlimited',
              ...options.settings,
            },
            ...(apiKey === null ? {} : { credentials: { apiKey } }),
          },
        ],
      },
      ...(options.others ?? []),
    ],
    auth: {
      rateLimits: {
        requestsPerAddress: 'none',
        requestsPerKey: 'none',
        syncStartsPerKey: 'none',
        failedAuthenticationsPerAddress: 'none',
      },
    },
    limits: { retryDelay: '5ms', documentsAtOnce: 0 },
    stores: { search: { kind: 'none' } },
    // Nothing depends on the hour: what is done at night is for the tests that are about it.
    consistency: { at: 'never' },
    ...options.sections,
  };
  await writeFile(environment.CHARTSYNC_CONFIG, JSON.stringify(file, null, 2));
  const config = await loadConfig({ env: environment, cwd: folder });
  const pool = new pg.Pool({ connectionString: records.url, max: 2 });
  // The database is dropped at the end, whoever is still connected.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const opened: Chartsync[] = [];
  const open = async () => {
    const chartsync = await openChartsync(config, {
      url: records.url,
      urlOf: () => null,
      close: async () => undefined,
    });
    opened.push(chartsync);
    await applyConfiguration(chartsync);
    return { chartsync, connection: chartsync.connections.filter(isRecordConnection)[0]! };
  };
  const first = await open();
  let told = 0;
  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await pool.query<Row>(text, values)).rows;
  return {
    simulator,
    world: account.world,
    environment,
    databaseUrl: records.url,
    ...first,
    query,
    run: (mode, signal) =>
      runOnce(first.connection, { mode, trigger: 'manual', ...(signal === undefined ? {} : { signal }) }),
    expectCopy: () => expectCopy(account.world, query),
    requests() {
      const fresh = simulator.requests.slice(told).map((request) => `${request.method} ${request.path}`);
      told = simulator.requests.length;
      return fresh;
    },
    reopen: open,
    async close() {
      for (const chartsync of opened) await chartsync.close();
      await pool.end();
      await simulator.stop();
      await records.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Everything in the copy against everything in the account; deleted patients can only be told by their absence. */
async function expectCopy(world: World, query: Query): Promise<void> {
  const patients = await query<{ id: string; archived: boolean; deleted: boolean; merged: string | null }>(`
    SELECT cliniko_patient_id AS id, archived_at IS NOT NULL AS archived, deleted_at IS NOT NULL AS deleted,
           merged_into AS merged FROM patients ORDER BY 1`);
  const live = expectedPatients(world).filter((patient) => !patient.deleted);
  expect(patients.filter((patient) => !patient.deleted)).toEqual(
    live
      .map(({ id, archived, mergedInto }) => ({ id, archived, deleted: false, merged: mergedInto }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );

  const appointments = await query<Record<string, unknown>>(`
    SELECT a.cliniko_appointment_id AS id, a.kind, a.status AS state, a.appointment_date AS starts, a.ends_at AS ends,
           a.cliniko_practitioner_id AS practitioner, a.cliniko_business_id AS business,
           CASE WHEN a.kind = 'individual' THEN ARRAY[a.cliniko_patient_id] ELSE ARRAY(
             SELECT DISTINCT t.cliniko_patient_id FROM appointment_attendees AS t
             WHERE t.cliniko_appointment_id = a.cliniko_appointment_id AND t.status IN ('booked', 'arrived')
               AND t.deleted_at IS NULL ORDER BY 1) END AS patients
    FROM appointments AS a WHERE a.removed_at IS NULL ORDER BY 1`);
  expect(appointments.map((a) => ({ ...a, starts: iso(a.starts), ends: iso(a.ends) }))).toEqual(
    expectedAppointments(world)
      .map((a) => ({
        id: a.id,
        kind: a.kind,
        state: a.state === 'deleted' ? 'deleted' : a.archived ? 'archived' : a.state,
        starts: iso(a.startsAt),
        ends: iso(a.endsAt),
        practitioner: a.practitionerId,
        business: a.businessId,
        patients: a.patientIds,
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );

  const active = await query<{ id: string }>(
    'SELECT cliniko_patient_id AS id FROM patients WHERE is_active ORDER BY 1',
  );
  const deleted = new Set(expectedPatients(world).flatMap((patient) => (patient.deleted ? [patient.id] : [])));
  expect(active.map(({ id }) => id)).toEqual(
    [...activePatients(world, new Date())].filter((id) => !deleted.has(id)).sort(),
  );
}

function iso(at: unknown): string {
  return new Date(at as string | Date).toISOString();
}
