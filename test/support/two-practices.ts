/**
 * One service for two practices that share nothing but the service: each has its own source, key, runs, failures, held
 * removals and documents, and words that nobody else may ever see.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { setUpPractice } from './practice-setup.ts';
import { copySamplePractice } from './sample-practice.ts';
import { until } from './until.ts';

/** One thing of each kind that an address can name. */
export interface Ids {
  readonly organization: string;
  readonly connection: string;
  readonly run: string;
  readonly key: string;
  readonly heldSet: string;
  readonly failure: string;
  readonly patient: string;
  readonly document: string;
  readonly reference: string;
  readonly clinic: string;
  readonly booking: string;
  readonly inspection: string;
  readonly alert: string;
}

export interface Tenant {
  readonly ids: Ids;
  /** Of an administrator of the practice. */
  readonly secret: string;
  /** What no answer to anybody else may hold: ids, names, hashes. */
  readonly words: readonly string[];
  /** Of another patient of the same practice. */
  readonly neighbour: { readonly patient: string; readonly document: string };
}

export interface TwoPractices {
  readonly server: RunningServer;
  /** Of the records. */
  readonly databaseUrl: string;
  /** Folder of everything; no answer names it. */
  readonly folder: string;
  readonly one: Tenant;
  readonly other: Tenant;
  close(): Promise<void>;
}

const NAMES = { one: 'qx-canary', other: 'zq-canary' };

/** Something of the same form as each of these ids, which is nobody's. */
export const NOBODY: Ids = {
  organization: 'org_nobody',
  connection: 'nobody-connection',
  run: 'sync_org_nobody_20260303_090000_1a2b3c4d',
  key: 'nobodynobody0000',
  heldSet: 'held_00000000-0000-4000-8000-000000000000',
  failure: '99999999',
  patient: '00000000-0000-4000-8000-000000000001',
  document: '00000000-0000-4000-8000-000000000002',
  reference: '00000000-0000-4000-8000-000000000003',
  clinic: '00000000-0000-4000-8000-000000000004',
  booking: '00000000-0000-4000-8000-000000000005',
  inspection: 'inspection_00000000-0000-4000-8000-000000000006',
  alert: 'alert_00000000-0000-4000-8000-000000000007',
};

/** @param limits instead of: nothing reads documents */
export async function setUpTwoPractices(limits?: Record<string, unknown>): Promise<TwoPractices> {
  const size = { patients: 4, attachments: 40 };
  // Whoever runs the tests at night would find a comparison of the stores that nobody asked for.
  const consistency = { at: 'never' };
  const stores = { search: { kind: 'lancedb' } };
  const sections = { stores, consistency, ...(limits === undefined ? {} : { limits }) };
  const setup = await setUpPractice({ ...size, sections });
  const filesFolder = join(setup.folder, 'second');
  const secondDatabase = await copySamplePractice({ seed: 11, ...size, deletedColumn: true }, filesFolder);

  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [{ connections }] = file.organizations;
  const { settings } = connections[0];
  const organizationOf = (name: string, own: object) => ({
    id: `org_${name}`,
    name: `Practice ${name}`,
    timeZone: 'UTC',
    connections: [{ ...connections[0], id: `${name}-connection`, settings: { ...settings, ...own } }],
  });
  file.organizations = [
    organizationOf(NAMES.one, {}),
    organizationOf(NAMES.other, { database: secondDatabase.url, fileBasePath: filesFolder }),
  ];
  const none = 'none';
  file.auth = {
    rateLimits: {
      requestsPerAddress: none,
      requestsPerKey: none,
      syncStartsPerKey: none,
      failedAuthenticationsPerAddress: none,
    },
  };
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  const server = await serve({
    config: await loadConfig({
      env: { ...setup.environment, CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') },
      cwd: setup.folder,
    }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  const records = setup.environment.DATABASE_URL;
  const common = { server, recordsUrl: records, isRead: limits !== undefined };
  const one = await furnish(NAMES.one, setup.sourceUrl, common);
  const other = await furnish(NAMES.other, secondDatabase.url, common);
  return {
    server,
    databaseUrl: records,
    folder: setup.folder,
    one: { ...one, words: one.words.filter((word) => !other.words.includes(word)) },
    other: { ...other, words: other.words.filter((word) => !one.words.includes(word)) },
    async close() {
      await server.stop();
      await secondDatabase.drop();
      await setup.close();
    },
  };
}

/** A clinic with a booking, as a connection to a calendar would leave them. */
async function furnishClinic(recordsUrl: string, organization: string, connection: string, name: string) {
  const records = new pg.Client({ connectionString: recordsUrl });
  await records.connect();
  try {
    const { rows } = await records.query<{ clinic: string; booking: string }>(
      `WITH c AS (
         INSERT INTO clinic_schedule_config (organization_id, connection_id, clinic_id)
         VALUES ($1, $2, gen_random_uuid()) RETURNING organization_id, clinic_id)
       INSERT INTO vapi_bookings (organization_id, clinic_id, date, start_time, starts_at, ends_at, status,
                                  confirmation_number, client_name)
       SELECT organization_id, clinic_id, '2030-05-06', '09:00', '2030-05-06T16:00:00Z', '2030-05-06T16:15:00Z', 'confirmed',
              'ODIS-' || upper(substr(md5($3), 1, 8)), $3 FROM c
       RETURNING clinic_id AS clinic, id AS booking`,
      [organization, connection, `${name}-client`],
    );
    return rows[0]!;
  } finally {
    await records.end();
  }
}

interface Furnished {
  readonly server: RunningServer;
  readonly recordsUrl: string;
  /** Somebody reads the documents. */
  readonly isRead: boolean;
}

async function furnish(name: string, sourceUrl: string, { server, recordsUrl, isRead }: Furnished): Promise<Tenant> {
  const organization = `org_${name}`;
  const connection = `${name}-connection`;
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'x-organization-id': organization,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.ok, `${method} ${path} → ${response.status}`).toBe(true);
    // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
    return { headers: response.headers, body: method === 'HEAD' ? null : ((await response.json()) as any) };
  };
  const synchronise = () => ask('POST', '/api/sync/vsrx?wait=true');
  await ask('PUT', `/api/v1/connections/${connection}/credentials`, {
    username: `${name}-user`,
    password: `${name}-password`,
  });
  await synchronise();
  const failures: { id: string; patient_uuid: string; reference: string }[] = (await ask('GET', '/api/v1/failures'))
    .body.failures;
  // All that is stored vanishes from the source: missing once, then held. What failed stays, and keeps its failures.
  const source = new pg.Client({ connectionString: sourceUrl });
  await source.connect();
  await source.query('DELETE FROM ax_notes_attachments WHERE file_uuid IS NOT NULL AND lower(file_uuid) <> ALL($1)', [
    failures.map(({ reference }) => reference),
  ]);
  await source.end();
  await synchronise();
  await synchronise();
  const [held] = (await ask('GET', '/api/v1/held')).body.held;
  const items: { document_uuid: string; patient_uuid: string; reference: string }[] = (
    await ask('GET', `/api/v1/held/${held.id}`)
  ).body.items;
  const { key, secret } = (await ask('POST', '/api/v1/keys', { name: `${name}-key`, role: 'administrator' })).body;
  const runs: { sync_id: string }[] = (await ask('GET', `/api/v1/sync/history/${organization}`)).body.recent_syncs;
  const stored = await Promise.all(
    items.slice(0, 3).map(async ({ document_uuid }) => {
      const { headers } = await ask('HEAD', `/api/documents/${document_uuid}`);
      const fileName = headers.get('content-disposition')?.split("''")[1] ?? '';
      return [headers.get('etag')!.replaceAll('"', ''), fileName, decodeURIComponent(fileName)];
    }),
  );
  const item = items[0]!;
  if (!isRead) {
    // Each practice has one that could be found all the same. Whoever reads documents would not leave it as it is.
    const index = await server.chartsync.search();
    await index.put({
      organizationId: organization,
      patientUuid: item.patient_uuid,
      documentUuid: item.document_uuid,
      version: stored[0]![0]!,
      pages: [{ number: 1, text: `A report of ${name}.` }],
    });
  }
  const inspection: string = (await ask('POST', `/api/v1/connections/${connection}/inspections`, { kind: 'plan' })).body
    .id;
  await until(async () => (await ask('GET', `/api/v1/inspections/${inspection}`)).body.state === 'done');
  // Nothing happens that it is about, and nobody has that name.
  const alert: string = (
    await ask('POST', '/api/v1/alerts', {
      name: `${name}-alert`,
      kind: 'stores_differ',
      target: { channel: 'webhook', url: `https://${name}.invalid/hook` },
    })
  ).body.alert.id;
  const { clinic, booking } = await furnishClinic(recordsUrl, organization, connection, name);
  const neighbour = items.find(({ patient_uuid }) => patient_uuid !== item.patient_uuid)!;
  const failure = failures.find(({ reference }) => reference !== '')!;
  return {
    ids: {
      organization,
      connection,
      run: runs[0]!.sync_id,
      key: key.id,
      heldSet: held.id,
      failure: failure.id,
      patient: item.patient_uuid,
      document: item.document_uuid,
      reference: item.reference,
      clinic,
      booking,
      inspection,
      alert,
    },
    secret,
    neighbour: { patient: neighbour.patient_uuid, document: neighbour.document_uuid },
    words: [
      ...new Set([
        // Organisation, connection, the key's name, credentials, the reason of a pause: all begin with it.
        name,
        key.id,
        secret,
        held.id,
        clinic,
        booking,
        inspection,
        alert,
        ...runs.map(({ sync_id }) => sync_id),
        ...items.flatMap(({ document_uuid, patient_uuid, reference }) => [document_uuid, patient_uuid, reference]),
        ...failures.flatMap(({ patient_uuid, reference }) => [patient_uuid, reference]),
        ...stored.flat(),
      ]),
    ].filter((word) => word.length > 7),
  };
}
