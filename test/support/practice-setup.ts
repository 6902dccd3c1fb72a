/**
 * A sample practice with everything around it for one test: source database, share, records, blobs and a Chartsync on them,
 * all in a temporary folder. The judge of what is right is the simulator's oracle, which shares no code with the product.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type OpenPracticeDatabase, openPracticeDatabase } from '../../simulators/vsrx/database.ts';
import { expectedState } from '../../simulators/vsrx/oracle.ts';
import { createSamplePractice, type SamplePractice } from '../../simulators/vsrx/practice.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { applyConfiguration, type Chartsync, openChartsync } from '../../src/main.ts';
import { type FileConnection, isFileConnection } from '../../src/runs/connections.ts';
import { testDatabase } from './postgres.ts';
import { copySamplePractice } from './sample-practice.ts';

export const ORGANIZATION = 'org_test';
export const CONNECTION = 'practice';
export const SAMPLE_SEED = 7;

export interface PracticeSetup {
  readonly folder: string;
  readonly filesFolder: string;
  readonly source: OpenPracticeDatabase;
  readonly sourceUrl: string;
  readonly practice: SamplePractice;
  readonly environment: Readonly<
    Record<
      'CHARTSYNC_CONFIG' | 'CHARTSYNC_HOME' | 'CHARTSYNC_ADMIN_KEY' | 'DATABASE_URL' | 'PORT' | 'SYNC_LOG_LEVEL',
      string
    >
  >;
  readonly config: Config;
  readonly chartsync: Chartsync;
  readonly connection: FileConnection;
  /** The environment with another configuration: the changes replace settings of the connection and top-level sections. */
  environmentWith(
    changes: Pick<SetupOptions, 'settings' | 'sections' | 'connection'>,
  ): Promise<PracticeSetup['environment']>;
  /** Another Chartsync on the same stores, as after a restart. Closed with the setup. */
  reopen(): Promise<{ chartsync: Chartsync; connection: FileConnection }>;
  close(): Promise<void>;
}

export interface SetupOptions {
  /** URL of an empty source database; default: a new one on the test PostgreSQL. */
  readonly sourceUrl?: string;
  readonly patients?: number;
  readonly attachments?: number;
  readonly deletedColumn?: boolean;
  /** JSON of the `stores` and other top-level sections. */
  readonly sections?: Record<string, unknown>;
  readonly settings?: Record<string, unknown>;
  /** Of the connection, beside its settings. */
  readonly connection?: Record<string, unknown>;
}

export async function setUpPractice(options: SetupOptions = {}): Promise<PracticeSetup> {
  const folder = await mkdtemp(join(tmpdir(), 'chartsync-practice-'));
  const filesFolder = join(folder, 'login');
  const records = await testDatabase();
  const { patients = 8, attachments = 60, deletedColumn = true } = options;
  const sizes = { seed: SAMPLE_SEED, patients, attachments };
  const sourceDatabase =
    options.sourceUrl === undefined ? await copySamplePractice({ ...sizes, deletedColumn }, filesFolder) : null;
  const sourceUrl = options.sourceUrl ?? sourceDatabase!.url;
  const source = openPracticeDatabase(sourceUrl);
  // In a copy it finds everything as it should be.
  const practice = await createSamplePractice({ ...sizes, filesFolder, database: source, schema: { deletedColumn } });
  const environment = {
    CHARTSYNC_HOME: join(folder, 'home'),
    CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
    CHARTSYNC_ADMIN_KEY: 'test-administrator-key-0123456789',
    DATABASE_URL: records.url,
    PORT: '0',
    SYNC_LOG_LEVEL: 'error',
  };
  const file = {
    organizations: [
      {
        id: ORGANIZATION,
        name: 'Test Practice',
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
              mapping: deletedColumn ? { preset: 'vsrx', file: { deleted: 'deleted' } } : 'vsrx',
              activate: 'all',
              ...options.settings,
            },
            ...options.connection,
          },
        ],
      },
    ],
    // Reading documents is for the tests that are about it.
    limits: { retryDelay: '10ms', documentsAtOnce: 0 },
    stores: { search: { kind: 'none' } },
    // Nothing depends on the hour: what is done at night is for the tests that are about it.
    consistency: { at: 'never' },
    ...options.sections,
  };
  // JSON is YAML.
  await writeFile(environment.CHARTSYNC_CONFIG, JSON.stringify(file, null, 2));
  const config = await loadConfig({ env: environment, cwd: folder });
  const opened: Chartsync[] = [];
  const open = async () => {
    const chartsync = await openChartsync(config, {
      url: records.url,
      urlOf: () => null,
      close: async () => undefined,
    });
    opened.push(chartsync);
    await applyConfiguration(chartsync);
    return { chartsync, connection: chartsync.connections.filter(isFileConnection)[0]! };
  };
  const first = await open();
  return {
    folder,
    filesFolder,
    source,
    sourceUrl,
    practice,
    environment,
    config,
    ...first,
    async environmentWith({ settings = {}, sections = {}, connection: own = {} }) {
      const [organization] = file.organizations;
      const [connection] = organization!.connections;
      const changed = { ...connection!, ...own, settings: { ...connection!.settings, ...settings } };
      const other = { ...file, organizations: [{ ...organization!, connections: [changed] }], ...sections };
      const path = join(folder, `other-${randomUUID()}.yaml`);
      await writeFile(path, JSON.stringify(other, null, 2));
      return { ...environment, CHARTSYNC_CONFIG: path };
    },
    reopen: open,
    async close() {
      for (const chartsync of opened) await chartsync.close();
      await source.close();
      await records.drop();
      await sourceDatabase?.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Patient → reference → SHA-256 of every live document, read through the ports. */
export async function storedState(connection: FileConnection): Promise<Record<string, Record<string, string>>> {
  const state: Record<string, Record<string, string>> = {};
  for await (const document of connection.ports.records.storedDocuments(connection.settings)) {
    const unit = state[document.unit] ?? {};
    unit[document.reference] = document.sha256;
    state[document.unit] = unit;
  }
  return state;
}

/** The same as it must be, by the oracle. `refused`: contents that are not stored because of their type. */
export async function wantedState(setup: PracticeSetup): Promise<Record<string, Record<string, string>>> {
  const expected = await expectedState(setup.source, setup.filesFolder);
  const state: Record<string, Record<string, string>> = {};
  for (const [patient, files] of expected.patients) {
    for (const [reference, file] of files) {
      if (file.sha256 === null || file.content === 'unknown-type') continue;
      const unit = state[patient] ?? {};
      unit[reference] = file.sha256;
      state[patient] = unit;
    }
  }
  return state;
}

/** Records as the oracle wants them, each blob there and whole, and counts that are right. */
export async function expectConverged(setup: PracticeSetup, connection = setup.connection): Promise<void> {
  expect(await storedState(connection)).toEqual(await wantedState(setup));
  const { records, blobs } = connection.ports;
  for await (const row of records.blobRows(ORGANIZATION)) {
    expect(row.references).toBe(row.documents);
    if (row.documents === 0) continue;
    const { size, stream } = await blobs.get(`${ORGANIZATION}/${row.sha256}`);
    let read = 0;
    for await (const chunk of stream) read += (chunk as Buffer).length;
    expect({ size, read }).toEqual({ size: row.size, read: row.size });
  }
}
