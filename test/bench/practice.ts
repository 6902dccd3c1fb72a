/** A bulk practice in MariaDB and the configuration of a Chartsync for it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createBulkPractice } from '../../simulators/vsrx/bulk.ts';
import { type OpenPracticeDatabase, openPracticeDatabase } from '../../simulators/vsrx/database.ts';
import { SHARE_MARKER } from '../../simulators/vsrx/practice.ts';
import type { Services } from './services.ts';

export const ORGANIZATION = 'org_bench';
export const CONNECTION = 'practice';

export interface BenchPractice {
  readonly sourceUrl: string;
  readonly filesFolder: string;
  readonly source: OpenPracticeDatabase;
}

export interface BenchPracticeOptions {
  readonly rows: number;
  readonly patients: number;
  /** Sizes in bytes; without them the rows name files that do not exist. */
  readonly files?: { readonly minBytes: number; readonly maxBytes: number };
}

export async function createBenchPractice(services: Services, options: BenchPracticeOptions): Promise<BenchPractice> {
  const mariadb = await services.mariadb();
  const folder = await services.folder();
  const sourceUrl = await mariadb.createDatabase(`practice_${basename(folder)}`);
  const source = openPracticeDatabase(sourceUrl);
  const filesFolder = join(folder, 'login');
  await mkdir(filesFolder);
  await writeFile(join(filesFolder, SHARE_MARKER), 'The file share of a sample practice.\n');
  const { rows, patients, files } = options;
  await createBulkPractice({
    rows,
    patients,
    database: source,
    ...(files === undefined ? {} : { withFiles: { folder: filesFolder, ...files } }),
  });
  return { sourceUrl, filesFolder, source };
}

/** A practice with its files, 4 to 100 kB each. Made once for each number of files. */
export function practiceWithFiles(services: Services, files: number): Promise<BenchPractice> {
  return services.shared(`files-${files}`, () =>
    createBenchPractice(services, {
      rows: files,
      patients: files / 50,
      files: { minBytes: 4000, maxBytes: 100_000 },
    }),
  );
}

export type BlobSection =
  | { readonly kind: 'filesystem'; readonly folder: string }
  | { readonly kind: 'azure'; readonly connectionString: string; readonly container: string };

export type SyncEnvironment = Readonly<Record<'CHARTSYNC_CONFIG' | 'CHARTSYNC_HOME' | 'DATABASE_URL', string>>;

/** Everything at its defaults but what is named here. */
export async function configure(
  services: Services,
  options: {
    readonly practice: BenchPractice;
    readonly databaseUrl: string;
    readonly blobs: BlobSection;
    readonly maxParallelUploads?: number;
    /** So many, each with the whole practice as its own. Default 1. */
    readonly organizations?: number;
  },
): Promise<SyncEnvironment> {
  const folder = await services.folder();
  const environment = {
    CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
    CHARTSYNC_HOME: join(folder, 'home'),
    DATABASE_URL: options.databaseUrl,
  };
  const suffixes = Array.from({ length: options.organizations ?? 1 }, (_, i) => (i === 0 ? '' : `-${i + 1}`));
  const connectionOf = (suffix: string) => ({
    id: `${CONNECTION}${suffix}`,
    connector: 'vsrx',
    schedule: 'manual',
    settings: {
      database: options.practice.sourceUrl,
      fileBasePath: options.practice.filesFolder,
      shareMarker: SHARE_MARKER,
      mapping: 'vsrx',
      activate: 'all',
    },
  });
  const { maxParallelUploads } = options;
  const file = {
    organizations: suffixes.map((suffix) => ({
      id: `${ORGANIZATION}${suffix}`,
      name: `Bench Practice${suffix}`,
      timeZone: 'Australia/Sydney',
      connections: [connectionOf(suffix)],
    })),
    stores: { blobs: options.blobs },
    ...(maxParallelUploads === undefined ? {} : { limits: { maxParallelUploads } }),
  };
  // JSON is YAML.
  await writeFile(environment.CHARTSYNC_CONFIG, JSON.stringify(file, null, 2));
  return environment;
}
