/**
 * Runs the real PostgreSQL that comes with the packages, on data in a folder, for as many processes as use that folder.
 *
 *   <folder>/cluster.json   where the data lies and which port it had     <folder>/password     of the superuser, 0600
 *   <folder>/data           the data (elsewhere when root's folder is private, see place.ts)
 *   <folder>/lock           held while somebody starts or stops           <folder>/users/       one file per user
 *   <folder>/postgres.log   what PostgreSQL says
 *
 * The server outlives a killed process on purpose; the next one adopts it. The last user that stops, stops it.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { binariesFor, packagedBinaries } from './embedded/binaries.ts';
import { withFolderLock } from './embedded/folder-lock.ts';
import { findPlace, type Place, password, rememberPlace, SYSTEM_FOLDER } from './embedded/place.ts';
import {
  endsWithin,
  findPostmaster,
  type Postmaster,
  settled,
  startPostmaster,
  stopPostmaster,
} from './embedded/postmaster.ts';
import { countLiveUsers, registerUser } from './embedded/users.ts';

export interface EmbeddedPostgresOptions {
  /** Created when missing. */
  readonly folder: string;
  /** Hears in a sentence what takes long or is unusual. */
  readonly log?: (sentence: string) => void;
  /** Server settings in place of the defaults, e.g. `{ fsync: 'off' }` for tests. An adopted server keeps its own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where root puts data and programs when nobody else can enter `folder`. Default /var/lib/chartsync. */
  readonly systemFolder?: string;
}

export interface EmbeddedPostgres {
  /** True when the server ran already. */
  readonly adopted: boolean;
  url(database: string): string;
  ensureDatabase(name: string): Promise<void>;
  /**
   * Starts the server again, at the same port, when its process has ended although nobody stopped it.
   * @returns whether it had to. @throws Error when another program has the port now: whoever uses the server must start again
   */
  revive(): Promise<boolean>;
  /** Gives the server back; stops it when nobody else uses it. May be called twice. */
  stop(): Promise<void>;
}

const SUPERUSER = 'chartsync';
const LOCK_TIMEOUT_MS = 180_000;
const ANSWER_TIMEOUT_MS = 10_000;
const DYING_MS = 2_000;
const DUPLICATE_DATABASE = new Set(['42P04', '23505']);
const run = promisify(execFile);

/** @throws Error that says what is wrong and what to do; it may name folders of this machine and is meant for the operator */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  await makeFolder(resolve(options.folder));
  const folder = await realpath(options.folder);
  const lockFile = join(folder, 'lock');
  const waiting = {
    timeoutMs: LOCK_TIMEOUT_MS,
    busy: `Another process has been starting or stopping PostgreSQL for ${LOCK_TIMEOUT_MS / 1000} s (${lockFile}).`,
  };

  const started = await withFolderLock(lockFile, waiting, async () => {
    const place = await findPlace(folder, options.systemFolder);
    const secret = await password(folder, place.initialised);
    const running = place.initialised ? await adopt(folder, place, secret, log) : null;
    const server = running ?? (await start(folder, place, secret, options, log));
    return { place, secret, server, adopted: running !== null, registration: await registerUser(folder) };
  });

  const { server, secret } = started;
  const url = (database: string) => urlOf(server.port, secret, database);
  let stopping: Promise<void> | null = null;
  return {
    adopted: started.adopted,
    url,
    ensureDatabase: (name) => ensureDatabase(url('postgres'), name),
    revive: () =>
      withFolderLock(lockFile, waiting, async () => {
        const { place } = started;
        if (stopping !== null || (await findPostmaster(place.data)) !== null) return false;
        const again = await start(folder, { ...place, initialised: true, port: server.port }, secret, options, log);
        if (again.port !== server.port) throw new Error(`PostgreSQL has another port now: ${server.port} is taken.`);
        return true;
      }),
    stop() {
      stopping ??= withFolderLock(lockFile, waiting, async () => {
        await rm(started.registration, { force: true });
        if ((await countLiveUsers(folder)) > 0) return;
        await stopPostmaster((await findPostmaster(started.place.data)) ?? server);
      });
      return stopping;
    },
  };
}

async function makeFolder(folder: string): Promise<void> {
  // Others may pass through, not look: PostgreSQL of root runs as another user. The umask must not take that away.
  if ((await mkdir(folder, { recursive: true })) !== undefined) await chmod(folder, 0o711);
}

async function adopt(
  folder: string,
  place: Place,
  secret: string,
  log: (sentence: string) => void,
): Promise<Postmaster | null> {
  const found = await findPostmaster(place.data);
  if (found === null) return null;
  const server = found.status === 'ready' ? found : await settled(place.data, found);
  if (server === null) return null;
  const failure = await answers(urlOf(server.port, secret, 'postgres'), place.data);
  if (failure === null) {
    log(`PostgreSQL runs already (process ${server.pid}, port ${server.port}).`);
    return server;
  }
  // A server that was killed this moment still has its number, but no port any more.
  if (await endsWithin(server, DYING_MS)) return null;
  if ((await countLiveUsers(folder)) > 0) {
    throw new Error(`PostgreSQL (process ${server.pid}) is used by another process but does not answer: ${failure}`);
  }
  log(`PostgreSQL (process ${server.pid}) does not answer; it is started again.`);
  await stopPostmaster(server);
  return null;
}

/** @returns null when the server at `url` is the one for `data`, else why not */
async function answers(url: string, data: string): Promise<string | null> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory === data ? null : 'it works on other data';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function start(
  folder: string,
  place: Place,
  secret: string,
  options: EmbeddedPostgresOptions,
  log: (sentence: string) => void,
): Promise<Postmaster> {
  const copies = options.systemFolder ?? SYSTEM_FOLDER;
  const binaries = await binariesFor(place.user, await packagedBinaries(), copies);
  if (!place.initialised) {
    log('Creating a PostgreSQL database cluster (once, takes a few seconds).');
    await createCluster(binaries.initdb, place, secret);
    if (dirname(place.data) !== folder) log(`No other user can enter ${folder}, so the data lies in ${place.data}.`);
  }
  const server = await startPostmaster({
    postgres: binaries.postgres,
    data: place.data,
    user: place.user,
    port: place.port,
    logFile: join(folder, 'postgres.log'),
    settings: options.settings ?? {},
  });
  if (server.port !== place.port) await rememberPlace(folder, place.data, server.port);
  return server;
}

/** All or nothing: `data` appears only when it is complete. */
async function createCluster(initdb: string, place: Place, secret: string): Promise<void> {
  const { user } = place;
  const unfinished = `${place.data}.new`;
  const passwordFile = `${place.data}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  try {
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(passwordFile, secret, { mode: 0o600, flag: 'wx' });
    if (user) for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid);
    const args = ['-D', unfinished, '-U', SUPERUSER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    await run(initdb, [...args, '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'], {
      cwd: '/',
      env: { LC_ALL: 'C' },
      ...(user ?? {}),
    });
    await rename(unfinished, place.data);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`PostgreSQL could not create its data in ${place.data}.\n${said || String(error)}`, {
      cause: error,
    });
  } finally {
    await rm(passwordFile, { force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}

function urlOf(port: number, secret: string, database: string): string {
  return `postgres://${SUPERUSER}:${secret}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (known.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } catch (error) {
    if (!DUPLICATE_DATABASE.has((error as { code?: string }).code ?? '')) throw error;
  } finally {
    await client.end();
  }
}
