/** The sample practice of `npm start`: started, kept alive and stopped. Loaded by the command that wants it. */
import { openPracticeDatabase } from '../../simulators/vsrx/database.ts';
import { createPracticeLife } from '../../simulators/vsrx/life.ts';
import { createSamplePractice } from '../../simulators/vsrx/practice.ts';
import { loadConfig } from '../config/load.ts';
import { findBrowser, openRecordDatabase, withFolderLock } from '../main.ts';
import { serve } from '../server.ts';
import { untilAborted } from './commands/serve.ts';
import { type Surroundings, UsageError } from './context.ts';
import { startDemoAccount } from './demo-cliniko.ts';
import {
  DEMO_CLINIKO,
  DEMO_CONNECTION,
  DEMO_IDEXX,
  demoAccountFile,
  demoEnvironment,
  demoFile,
  demoFiles,
  demoLock,
  demoPageFile,
  demoPortalFile,
  homeFolder,
  makeDemoHome,
  writeDemoFile,
} from './demo-home.ts';
import { startDemoPage } from './demo-page.ts';
import { startDemoPortal } from './demo-portal.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { duration, type Output } from './output.ts';

const SEED = 20260101;
const LIFE_MS = 60_000;

interface DemoOptions {
  readonly surroundings: Surroundings;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** The sample practice does not change. */
  readonly still: boolean;
}

/** @returns when the signal aborts */
export async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const { cwd, env: given } = options.surroundings;
  if (given.DATABASE_URL?.trim()) {
    throw new UsageError('The sample practice runs on the embedded database: unset DATABASE_URL, or use "serve".');
  }
  const home = homeFolder(given, cwd);
  options.output.say('Starting Chartsync with a sample practice …');
  await makeDemoHome(home);
  const alone = {
    timeoutMs: 0,
    busy:
      `The sample practice in ${home} is served by another process already. ` +
      'Use that one, or choose another folder and port for this one with CHARTSYNC_HOME and PORT.',
  };
  return withFolderLock(demoLock(home), alone, () => serveSample(options, home));
}

async function serveSample(options: DemoOptions, home: string): Promise<ExitCode> {
  const started = Date.now();
  const { surroundings, output, signal, still } = options;
  const { cwd, env: given } = surroundings;
  const database = await openRecordDatabase({ home, databaseUrl: null }, (sentence) => output.say(`  ${sentence}`));
  const browser = findBrowser(given);
  const account = await startDemoAccount(demoAccountFile(home));
  const portal = browser === null ? null : await startDemoPortal(demoPortalFile(home));
  const page = await startDemoPage(demoPageFile(home));
  await writeDemoFile(home, browser !== null, page?.url ?? null);
  // Also when the start fails: while it listens, the process would not end.
  try {
    const env = await demoEnvironment(given, database, home);
    const source = openPracticeDatabase(env.CHARTSYNC_SAMPLE_DATABASE!);
    const files = demoFiles(home);
    const practice = await createSamplePractice({
      seed: SEED,
      filesFolder: files,
      database: source,
      schema: { deletedColumn: true },
    });
    if (practice.created) {
      output.say(`  made a sample practice: ${practice.patients} patients, ${practice.attachments} files`);
    }
    output.say(
      `  serving a sample Cliniko account: ${account.patients} patients, ${account.appointments} appointments`,
    );
    output.say(
      portal === null
        ? '  no sample portal of IDEXX Neo: there is no Chromium to log in with (apt-get install chromium, or CHARTSYNC_CHROMIUM)'
        : `  serving a sample portal of IDEXX Neo: a clinic with ${portal.appointments} entries in its calendar`,
    );
    const config = await loadConfig({ env, cwd, file: demoFile(home) });
    const server = await serve({
      config,
      database,
      onRunEnd(connection, result) {
        if (connection.id === DEMO_CONNECTION) void page?.refresh().catch(() => undefined);
        const c = result.counts;
        output.emit('run', { connection: connection.id, ...result });
        output.say(
          `${new Date().toTimeString().slice(0, 8)}  run of ${connection.id}: ${result.state === 'completed' ? result.outcome : result.state}` +
            ` – added ${c.added}, updated ${c.updated}, moved ${c.moved}, removed ${c.removed}, unchanged ${c.same},` +
            ` failed ${c.failed + c.waiting} (${duration(result.finishedAt - result.startedAt)})`,
        );
      },
    });
    await page
      ?.connect(server)
      .catch(() => output.say('  the page of another application got no key; it will show no documents'));
    output.emit('ready', { url: server.url, page: page?.url ?? null, ms: Date.now() - started });
    output.say(`
Ready after ${duration(Date.now() - started)}.

  URL                  ${server.url}
  administrator's key  ${server.adminKey}

Open the URL in a browser and sign in with the key. Or try, in another terminal:
  bin/chartsync status                          what is stored, how fresh, what failed
  bin/chartsync failures ${DEMO_CONNECTION}         why some files of the sample failed, and what to do
  bin/chartsync plan ${DEMO_CONNECTION}             what the next run would do
  bin/chartsync verify ${DEMO_CONNECTION} --content compare source, records and contents
  bin/chartsync plan ${DEMO_CLINIKO}          the same for the sample Cliniko account
  curl -H "Authorization: Bearer ${server.adminKey}" "${server.url}/api/v1/patients?active=true&limit=3"
  curl -X POST -H "Authorization: Bearer ${server.adminKey}" "${server.url}/api/sync/vsrx?wait=true"

${page === null ? '' : `${page.url} is a page of another application (jQuery) with the documents of one patient: docs/component.md.\n`}The practice's files are in ${files}
The sample Cliniko account is at ${account.url}${portal === null ? '' : `\nThe sample portal is at ${portal.url}; its clinic: bin/chartsync sync ${DEMO_IDEXX}, bin/chartsync consultations ${DEMO_IDEXX}`}
Every minute all of them change a little and are synchronised. Ctrl-C stops everything.
`);
    const life = createPracticeLife({
      seed: SEED + Math.floor(started / 1000),
      database: source,
      filesFolder: files,
    });
    let step: Promise<unknown> = Promise.resolve();
    const timer = setInterval(() => {
      if (still) return;
      account.step();
      portal?.step();
      step = step.then(() => life.step()).catch(() => undefined);
    }, LIFE_MS);
    await untilAborted(signal);
    clearInterval(timer);
    await step;
    await source.close();
    await page?.stop();
    await server.stop();
    output.say('Stopped.');
    return EXIT.done;
  } finally {
    await page?.stop();
    await portal?.stop();
    await account.stop();
  }
}
