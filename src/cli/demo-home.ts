/** Where the sample practice of `npm start` lives: in the home folder, marked by its own configuration file. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RecordDatabase } from '../main.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const DEMO_CONNECTION = 'riverside-vsrx';
const SOURCE_DATABASE = 'vsrx_sample';

/** The same folder as the configuration's `home`; needed before there is a configuration to load. */
export function homeFolder(env: Environment, cwd: string): string {
  return resolve(cwd, env.CHARTSYNC_HOME ?? '.chartsync');
}

function demoHome(home: string): string {
  return join(home, 'sample');
}

export function demoFile(home: string): string {
  return join(demoHome(home), 'chartsync.yaml');
}

export function demoFiles(home: string): string {
  return join(demoHome(home), 'vsrx', 'login');
}

export async function isDemo(env: Environment, cwd: string): Promise<boolean> {
  return access(demoFile(homeFolder(env, cwd))).then(
    () => true,
    () => false,
  );
}

/** The sample's source database lies beside ours on the embedded server, whose port changes: the file refers to it by name. */
export async function demoEnvironment(env: Environment, database: RecordDatabase): Promise<Environment> {
  return { ...env, CHARTSYNC_SAMPLE_DATABASE: (await database.urlOf(SOURCE_DATABASE)) ?? database.url };
}

export async function writeDemoFile(home: string): Promise<void> {
  await mkdir(demoHome(home), { recursive: true });
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
limits: { retryDelay: 1s }
`,
  );
}
