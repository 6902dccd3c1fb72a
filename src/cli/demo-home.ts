/** Where the sample practice of `npm start` lives: in the home folder, marked by its own configuration file. */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Environment } from '../config/source.ts';
import type { RecordDatabase } from '../main.ts';

export const DEMO_CONNECTION = 'riverside-vsrx';
export const DEMO_CLINIKO = 'riverside-cliniko';
export const DEMO_IDEXX = 'riverside-front-desk';
const DEMO_CLINIC = '5c0a1f2e-3b4d-4c5e-8f60-718293a4b5c6';
const SOURCE_DATABASE = 'vsrx_sample';
/** Whoever sets one of these means something else than the sample. */
const CONFIGURING = ['CHARTSYNC_CONFIG', 'DATABASE_URL', 'VSRX_MYSQL_CONNECTION_STRING', 'MYSQL_HOST'];

/** The same folder as the configuration's `home`; needed before there is a configuration to load. */
export function homeFolder(env: Environment, cwd: string): string {
  return resolve(cwd, env.CHARTSYNC_HOME?.trim() || '.chartsync');
}

function demoHome(home: string): string {
  return join(home, 'sample');
}

export function demoFile(home: string): string {
  return join(demoHome(home), 'chartsync.yaml');
}

/** Held by the process that serves the sample: a second one would take its addresses away from everybody's commands. */
export function demoLock(home: string): string {
  return join(demoHome(home), 'lock');
}

export function demoAccountFile(home: string): string {
  return join(demoHome(home), 'cliniko.json');
}

export function demoPortalFile(home: string): string {
  return join(demoHome(home), 'idexx.json');
}

export function demoPageFile(home: string): string {
  return join(demoHome(home), 'page.txt');
}

export function demoFiles(home: string): string {
  return join(demoHome(home), 'vsrx', 'login');
}

export interface KeptAccount {
  readonly url: string;
  readonly apiKey: string;
  /** The account began then: its dates are counted from here. ISO. */
  readonly begun: string;
}

export interface KeptPortal {
  readonly url: string;
  readonly companyId: string;
  readonly username: string;
  readonly password: string;
  /** The clinic began then. ISO. */
  readonly begun: string;
}

/** What a part of the sample wrote down when it was started. @returns null when there is none */
export async function keptIn<T extends KeptAccount | KeptPortal>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Nobody has configured anything, and the sample practice was started here. @param named `--config` */
export async function isDemo(env: Environment, cwd: string, named: string | undefined): Promise<boolean> {
  if (named !== undefined || CONFIGURING.some((name) => env[name]?.trim())) return false;
  return !(await exists(resolve(cwd, 'chartsync.yaml'))) && (await exists(demoFile(homeFolder(env, cwd))));
}

/** The sample's source database lies beside ours on the embedded server, whose port changes: the file refers to it by name. */
export async function demoEnvironment(env: Environment, database: RecordDatabase, home: string): Promise<Environment> {
  const account = await keptIn<KeptAccount>(demoAccountFile(home));
  const portal = await keptIn<KeptPortal>(demoPortalFile(home));
  return {
    // The terminal is told of each run in a line of its own.
    SYNC_LOG_LEVEL: 'warn',
    ...env,
    CHARTSYNC_SAMPLE_CLINIKO: account?.url ?? 'http://127.0.0.1:9/v1',
    CHARTSYNC_SAMPLE_CLINIKO_KEY: account?.apiKey ?? 'none-of-ours-au1',
    CHARTSYNC_SAMPLE_PORTAL: portal?.url ?? 'http://127.0.0.1:9',
    CHARTSYNC_SAMPLE_COMPANY: portal?.companyId ?? 'none',
    CHARTSYNC_SAMPLE_USER: portal?.username ?? 'none',
    CHARTSYNC_SAMPLE_PASSWORD: portal?.password ?? 'none',
    CHARTSYNC_SAMPLE_DATABASE: (await database.urlOf(SOURCE_DATABASE)) ?? database.url,
  };
}

export async function makeDemoHome(home: string): Promise<void> {
  await mkdir(demoHome(home), { recursive: true });
}

/**
 * @param withPortal there is a browser to log in with
 * @param pageOrigin of the page of another application that shows documents; null: there is none
 */
export async function writeDemoFile(home: string, withPortal: boolean, pageOrigin: string | null): Promise<void> {
  await writeFile(
    demoFile(home),
    `# The sample practice of "npm start". Written by Chartsync at each start; describe your own practice in ./chartsync.yaml.
organizations:
  - id: org_riverside
    name: Riverside Clinic (sample)
    timeZone: Australia/Sydney
    connections:
      - id: ${DEMO_CONNECTION}
        connector: vsrx
        schedule: { every: 1m }
        settings:
          database: "\${CHARTSYNC_SAMPLE_DATABASE}"
          fileBasePath: ${JSON.stringify(demoFiles(home))}
          shareMarker: .chartsync-share
          mapping: { preset: vsrx, file: { deleted: deleted } }
          activate: all
          sourceTimeZone: Australia/Sydney
          modes: { deep: 5m, checksum: 1h }
      - id: ${DEMO_CLINIKO}
        connector: cliniko
        schedule: { every: 1m }
        settings: { baseUrl: "\${CHARTSYNC_SAMPLE_CLINIKO}", contactEmail: it@riverside.example }
        credentials: { apiKey: "\${CHARTSYNC_SAMPLE_CLINIKO_KEY}" }
${withPortal ? PORTAL : ''}components: { origins: ${JSON.stringify(pageOrigin === null ? [] : [pageOrigin])} }
limits: { retryDelay: 1s }
`,
  );
}

const PORTAL = `      - id: ${DEMO_IDEXX}
        connector: idexx
        schedule: { every: 1m }
        settings:
          portalUrl: "\${CHARTSYNC_SAMPLE_PORTAL}"
          clinicId: ${DEMO_CLINIC}
          breaks: [{ name: Lunch, from: "12:00", to: "13:00", on: [mon, tue, wed, thu, fri] }]
          consultations: { every: 5m }
        credentials:
          companyId: "\${CHARTSYNC_SAMPLE_COMPANY}"
          username: "\${CHARTSYNC_SAMPLE_USER}"
          password: "\${CHARTSYNC_SAMPLE_PASSWORD}"
`;

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
