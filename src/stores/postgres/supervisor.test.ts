import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binariesFor, packagedBinaries } from './embedded/binaries.ts';
import { findPostmaster, stopPostmaster } from './embedded/postmaster.ts';
import { isSameProcess } from './embedded/process-identity.ts';
import { canRun, isRoot, unprivilegedUser } from './embedded/system-user.ts';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './supervisor.ts';

const USER_PROGRAM = fileURLToPath(new URL('../../../test/support/postgres-user.ts', import.meta.url));

let base: string;
let folder: string;
let undo: (() => unknown)[];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'chartsync-supervisor-'));
  await chmod(base, 0o711);
  folder = join(base, 'postgres');
  undo = [];
});

afterEach(async () => {
  for (const step of undo.reverse()) await step();
  const left = await server().catch(() => null);
  if (left) await stopPostmaster(left);
  await rm(base, { recursive: true, force: true });
});

/** To create a cluster takes longer than the tests that are about what comes after that: they get a copy of this one. */
let original: string;

beforeAll(async () => {
  original = await mkdtemp(join(tmpdir(), 'chartsync-supervisor-'));
  await chmod(original, 0o711);
  await (await start({ folder: join(original, 'postgres') })).stop();
});
afterAll(() => rm(original, { recursive: true, force: true }));

/** With the owner of each file. */
const copyCluster = () => promisify(execFile)('cp', ['-a', join(original, 'postgres'), folder]);

const start = (options: Partial<EmbeddedPostgresOptions> = {}) =>
  startEmbeddedPostgres({ folder, settings: { fsync: 'off' }, ...options });

async function server() {
  return findPostmaster(join(folder, 'data'));
}

async function runs(found: Awaited<ReturnType<typeof server>>): Promise<boolean> {
  return found !== null && isSameProcess(found.pid, found.identity);
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

interface User {
  readonly process: ChildProcess;
  answer(): Promise<Record<string, unknown>>;
  ask(command: 'query' | 'stop'): Promise<Record<string, unknown>>;
  kill(): Promise<void>;
}

function otherProcess(): User {
  const child = spawn(process.execPath, [USER_PROGRAM, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const answer = async () => JSON.parse((await lines.next()).value ?? '{}') as Record<string, unknown>;
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  undo.push(kill);
  return {
    process: child,
    answer,
    kill,
    ask(command) {
      child.stdin.write(`${command}\n`);
      return answer();
    },
  };
}

describe('embedded PostgreSQL', () => {
  test('keeps its data and port, and starts again within a second', async () => {
    const first = await start();
    await first.ensureDatabase('odd "name"');
    await first.ensureDatabase('odd "name"');
    await query(first.url('odd "name"'), 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect(await server()).toBeNull();

    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = performance.now();
      const again = await start();
      times.push(performance.now() - before);
      expect(again.adopted).toBe(false);
      expect(again.url('x')).toBe(first.url('x'));
      expect(await query(again.url('odd "name"'), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
      await again.stop();
    }
    expect(Math.min(...times)).toBeLessThan(1000);
  });

  test('wants its password and listens on the loopback address only', async () => {
    const postgres = await start();
    undo.push(() => postgres.stop());
    const wrong = new URL(postgres.url('postgres'));
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(await query(postgres.url('postgres'), 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(postgres.url('postgres'), 'SHOW unix_socket_directories')).toEqual([
      { unix_socket_directories: '' },
    ]);
    expect((await stat(join(folder, 'password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'postgres.log'))).mode & 0o077).toBe(0);
  });

  test('is adopted after its process was killed', async () => {
    await copyCluster();
    const owner = otherProcess();
    const { adopted, url } = await owner.answer();
    expect(adopted).toBe(false);
    const found = await server();
    await owner.kill();
    expect(await runs(found)).toBe(true);

    const next = await start();
    expect(next.adopted).toBe(true);
    expect(next.url('postgres')).toBe(url);
    await next.stop();
    expect(await runs(found)).toBe(false);
    expect(await readdir(join(folder, 'users'))).toEqual([]);
  });

  test('stops with its last user, whoever came first', async () => {
    await copyCluster();
    const first = otherProcess();
    await first.answer();
    const found = await server();
    const second = otherProcess();
    expect(await second.answer()).toMatchObject({ adopted: true });

    expect(await first.ask('stop')).toEqual({ stopped: true });
    expect(await second.ask('query')).toEqual({ worked: true });
    expect(await second.ask('stop')).toEqual({ stopped: true });
    expect(await runs(found)).toBe(false);
  });

  test('is used twice by one process and stops with the second stop', async () => {
    await copyCluster();
    const one = await start();
    const two = await start();
    const found = await server();
    await Promise.all([one.stop(), one.stop()]);
    expect(await runs(found)).toBe(true);
    await two.stop();
    expect(await runs(found)).toBe(false);
  });

  test('is created once when two processes start at the same time', async () => {
    const users = [otherProcess(), otherProcess()];
    const answers = await Promise.all(users.map((user) => user.answer()));
    expect(answers.map((a) => a.adopted).sort()).toEqual([false, true]);
    expect(answers[0]?.url).toBe(answers[1]?.url);
    const found = await server();
    await Promise.all(users.map((user) => user.ask('stop')));
    expect(await runs(found)).toBe(false);
  });

  test('survives Ctrl-C until its user has finished', async () => {
    await copyCluster();
    const user = otherProcess();
    await user.answer();
    const found = await server();
    process.kill(-(user.process.pid ?? 0), 'SIGINT');
    expect(await user.answer()).toEqual({ worked: true });
    expect(await runs(found)).toBe(false);
  });

  test('starts again after it was killed itself, with what was committed', async () => {
    await copyCluster();
    const first = await start({ settings: {} });
    await query(first.url('postgres'), 'CREATE TABLE kept AS SELECT 7 AS answer');
    const found = await server();
    process.kill(found?.pid ?? 0, 'SIGKILL');

    const again = await start({ settings: {} });
    undo.push(() => again.stop());
    expect(again.adopted).toBe(false);
    expect(await query(again.url('postgres'), 'SELECT answer FROM kept')).toEqual([{ answer: 7 }]);
    await first.stop();
    expect(await runs(await server())).toBe(true);
  });

  test('is not fooled by process numbers that were given out again', async () => {
    await copyCluster();
    const first = await start();
    const data = join(folder, 'data');
    const { uid, gid } = await stat(data);
    const stranger = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore' });
    undo.push(() => stranger.kill('SIGKILL'));
    await writeFile(join(folder, 'users', `${stranger.pid}-0badc0de`), 'another boot/123');

    const found = await server();
    const pidFile = await readFile(join(data, 'postmaster.pid'), 'utf8');
    await first.stop();
    expect(await runs(found)).toBe(false);

    await writeFile(join(data, 'postmaster.pid'), pidFile.replace(/^\d+/, String(stranger.pid)));
    const again = await start();
    undo.push(() => again.stop());
    expect(again.adopted).toBe(false);
    expect(stranger.exitCode).toBeNull();
    expect(await query(again.url('postgres'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('takes another port when a stranger has its own', async () => {
    await copyCluster();
    const first = await start();
    const port = Number(new URL(first.url('x')).port);
    await first.stop();
    const { createServer } = await import('node:net');
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
    undo.push(() => stranger.close());
    const again = await start();
    undo.push(() => again.stop());
    expect(Number(new URL(again.url('x')).port)).not.toBe(port);
  });

  test('refuses to begin with an empty database when its data is gone', async () => {
    await copyCluster();
    await rm(join(folder, 'data'), { recursive: true });
    await expect(start()).rejects.toThrow(/is not there any more.*cluster\.json/);
  });

  test('says what PostgreSQL says when it does not start', async () => {
    await copyCluster();
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start[\s\S]*shared_buffers/,
    );
  });

  test('of root lies elsewhere when no other user can enter the folder', async () => {
    await chmod(base, 0o700);
    const open = await mkdtemp(join(tmpdir(), 'chartsync-system-'));
    undo.push(() => rm(open, { recursive: true, force: true }));
    await chmod(open, 0o755);
    const systemFolder = join(open, 'system');
    const postgres = await start({ systemFolder });
    const [row] = (await query(postgres.url('postgres'), 'SHOW data_directory')) as { data_directory: string }[];
    await query(postgres.url('postgres'), 'CREATE TABLE kept AS SELECT 1');
    await postgres.stop();
    expect(row?.data_directory.startsWith(isRoot() ? systemFolder : folder)).toBe(true);

    const again = await start({ systemFolder });
    await query(again.url('postgres'), 'SELECT * FROM kept');
    await again.stop();
  });
});

test('programs in a private folder are copied for the user that shall run them', async () => {
  const packaged = await packagedBinaries();
  const root = join(base, 'private', 'native');
  const { cp } = await import('node:fs/promises');
  await cp(join(packaged.postgres, '..', '..'), root, { recursive: true, verbatimSymlinks: true });
  await chmod(join(base, 'private'), 0o700);
  await chmod(join(root, 'bin', 'postgres'), 0o700);
  const hidden = { ...packaged, postgres: join(root, 'bin', 'postgres'), initdb: join(root, 'bin', 'initdb') };
  const copies = join(base, 'copies');
  await mkdir(copies, { mode: 0o755 });

  const user = isRoot() ? await unprivilegedUser() : null;
  const found = await binariesFor(user, hidden, copies);
  expect(found.postgres.startsWith(user ? copies : root)).toBe(true);
  if (user) expect(await canRun(user, found.postgres)).toBe(true);
  await access(found.initdb);
});
