/** A served Chartsync with something on every page: a practice, an account and a clinic that were copied, and very long lists. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startCliniko } from '../../simulators/cliniko/server.ts';
import { createClinic } from '../../simulators/idexx/clinic.ts';
import { startIdexx } from '../../simulators/idexx/server.ts';
import { openPracticeDatabase } from '../../simulators/vsrx/database.ts';
import { createSamplePractice } from '../../simulators/vsrx/practice.ts';
import { loadConfig } from '../../src/config/load.ts';
import { isBookConnection, isFileConnection, isRecordConnection } from '../../src/runs/connections.ts';
import { runOnce } from '../../src/runs/sync-service.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { CONNECTION, ORGANIZATION } from './practice.ts';
import type { Services } from './services.ts';

export interface WebService {
  readonly server: RunningServer;
  /** Route → an address of it. */
  readonly pages: Readonly<Record<string, string>>;
  readonly sourceUrl: string;
  close(): Promise<void>;
}

const CLINIC_ID = '00000000-0000-4000-8000-000000000001';

/** @param rows of each long list */
export async function startWebService(services: Services, rows: number): Promise<WebService> {
  const folder = await services.folder();
  const databaseUrl = await services.recordDatabase();
  const sourceUrl = await services.recordDatabase();
  const source = openPracticeDatabase(sourceUrl);
  const filesFolder = join(folder, 'login');
  await createSamplePractice({ seed: 7, patients: 8, attachments: 60, filesFolder, database: source });
  const account = await startCliniko({ rateLimit: null, accounts: [{ seed: 5, patients: 200, appointments: 600 }] });
  const clinic = createClinic({ seed: 3, now: Date.now(), timeZone: 'Australia/Sydney' });
  const portal = await startIdexx({ clinics: [clinic] });
  const [user] = clinic.accounts;
  const environment = {
    CHARTSYNC_HOME: join(folder, 'home'),
    CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
    CHARTSYNC_ADMIN_KEY: 'bench-administrator-key-0123456789',
    CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 5).toString('base64'),
    DATABASE_URL: databaseUrl,
    PORT: '0',
    SYNC_LOG_LEVEL: 'error',
  };
  const none = 'none';
  const file = {
    organizations: [
      {
        id: ORGANIZATION,
        name: 'Bench Practice',
        timeZone: 'Australia/Sydney',
        connections: [
          {
            id: CONNECTION,
            connector: 'vsrx',
            schedule: 'manual',
            settings: {
              database: sourceUrl,
              fileBasePath: filesFolder,
              shareMarker: '.chartsync-share',
              mapping: 'vsrx',
              activate: 'all',
            },
          },
          {
            id: 'account',
            connector: 'cliniko',
            schedule: 'manual',
            settings: { baseUrl: account.url, contactEmail: 'it@bench.example', requestsPerMinute: 'unlimited' },
            credentials: { apiKey: account.accounts[0]!.key },
          },
          {
            id: 'front-desk',
            connector: 'idexx',
            schedule: 'manual',
            settings: { portalUrl: portal.url, clinicId: CLINIC_ID, daysAhead: 14 },
            credentials: { companyId: clinic.companyId, username: user!.username, password: user!.password },
          },
        ],
      },
    ],
    auth: {
      rateLimits: {
        requestsPerAddress: none,
        requestsPerKey: none,
        syncStartsPerKey: none,
        failedAuthenticationsPerAddress: none,
      },
    },
    limits: { documentsAtOnce: 0 },
    stores: { search: { kind: 'none' } },
  };
  await writeFile(environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  const server = await serve({
    config: await loadConfig({ env: environment, cwd: folder }),
    database: { url: databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  const close = async () => {
    await server.stop();
    await portal.stop();
    await account.stop();
    await source.close();
  };
  try {
    for (const connection of server.chartsync.connections) {
      if (isFileConnection(connection)) await runOnce(connection, { mode: 'quick', trigger: 'manual' });
      else if (isRecordConnection(connection)) await runOnce(connection, { mode: 'comprehensive', trigger: 'manual' });
      else if (isBookConnection(connection)) await runOnce(connection, { mode: 'calendar', trigger: 'manual' });
    }
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      return { server, sourceUrl, pages: await pagesOf(client), close: await grown(client, rows, close) };
    } finally {
      await client.end();
    }
  } catch (error) {
    await close();
    throw error;
  }
}

/** An address of each route, with something to show. */
async function pagesOf(client: pg.Client): Promise<Record<string, string>> {
  const one = async (sql: string) => {
    const { rows } = await client.query<{ id: string }>(sql, [ORGANIZATION]);
    if (rows[0] === undefined) throw new Error(`Nothing to show: ${sql}`);
    return rows[0].id;
  };
  const run = await one(
    `SELECT id FROM sync_runs WHERE organization_id = $1 AND connector = 'vsrx' ORDER BY started_at LIMIT 1`,
  );
  const patient = await one(
    `SELECT "patientUuid" AS id FROM silknote_documents WHERE "organizationId" = $1
     GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1`,
  );
  const clinicPatient = await one(
    `SELECT id FROM patients WHERE organization_id = $1 ORDER BY total_appointment_count DESC, id LIMIT 1`,
  );
  return {
    'sign-in': '/sign-in',
    overview: '/',
    connection: `/connections/${CONNECTION}`,
    run: `/runs/${run}`,
    patients: '/patients',
    duplicates: '/patients/duplicates',
    patient: `/patients/${patient}`,
    schedule: '/schedule',
    appointments: '/appointments',
    'patients of Cliniko': '/appointments/patients',
    'a patient of Cliniko': `/appointments/patients/${clinicPatient}`,
    'held deletions': '/held',
    failures: '/failures',
    integrity: '/integrity',
    settings: '/settings',
  };
}

/** Long lists, written by the database itself: copying so much is not what is measured. */
async function grown(client: pg.Client, rows: number, close: () => Promise<void>): Promise<() => Promise<void>> {
  await client.query(
    `INSERT INTO appointments (id, organization_id, connection_id, cliniko_appointment_id, kind, appointment_date, status, type,
                               last_synced_at, fingerprint)
     SELECT gen_random_uuid(), $1, 'account', 'many-' || n, 'individual',
            date_trunc('minute', now()) + interval '400 days' + n * interval '1 minute', 'booked', 'Number ' || n, now(), 'many'
     FROM generate_series(1, $2::int) AS n`,
    [ORGANIZATION, rows],
  );
  await client.query(
    `INSERT INTO patients (id, organization_id, connection_id, cliniko_patient_id, name, last_name, last_synced_at, fingerprint)
     SELECT gen_random_uuid(), $1, 'account', 'many-' || n, 'Number ' || n, 'Number ' || n, now(), 'many'
     FROM generate_series(1, $2::int) AS n`,
    [ORGANIZATION, rows],
  );
  await client.query(
    `INSERT INTO silknote_patient_filesets ("silknotePatientUuid", "organizationId", "patientName")
     SELECT gen_random_uuid()::text, $1, 'Number ' || n FROM generate_series(1, $2::int) AS n`,
    [ORGANIZATION, rows],
  );
  await client.query('ANALYZE appointments, patients, silknote_patient_filesets');
  return close;
}
