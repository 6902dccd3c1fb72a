/**
 * A real MariaDB server for tests: its own folder, 127.0.0.1, a free port, ended by process id.
 *
 * Durability is switched off, everything that a client can see is left as a production server has it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { freePort } from './free-port.ts';
import { SAMPLES_VARIABLE } from './samples-folder.ts';

export interface MariadbServer {
  readonly port: number;
  /** Process id of the server. */
  readonly pid: number;
  /** Connection URL; the administrator's unless another user is named. */
  url(database: string, user?: string, password?: string): string;
  /** Creates an empty utf8mb4 database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** An administrator's connection for arranging and looking; ended by `stop`. */
  admin(database?: string): Promise<mysql.Connection>;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const SERVER_PATHS = [
  '/usr/sbin/mariadbd',
  '/usr/local/sbin/mariadbd',
  '/usr/libexec/mariadbd',
  '/usr/local/bin/mariadbd',
];
const ADMIN = 'admin';
const PASSWORD = 'admin-of-tests';
/** The same when the data are created: another size would be written anew at the start. */
const LOG_SIZE = '--innodb-log-file-size=64M';
const asRoot = () => (process.getuid?.() === 0 ? ['--user=root'] : []);

/**
 * @param options.serverArguments further arguments of mariadbd, e.g. `['--lower-case-table-names=1']`
 * @throws Error when MariaDB is not installed or does not start; the message holds the server's log.
 */
export async function startMariadb(options: { serverArguments?: readonly string[] } = {}): Promise<MariadbServer> {
  const binary = SERVER_PATHS.find((path) => existsSync(path));
  if (!binary) throw new Error('These tests need a MariaDB server (Debian: apt-get install mariadb-server).');
  const folder = await mkdtemp(join(tmpdir(), 'chartsync-mariadb-'));
  const data = join(folder, 'data');
  await createData(data);
  await writeFile(
    join(folder, 'init.sql'),
    `CREATE USER IF NOT EXISTS '${ADMIN}'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';\n` +
      `GRANT ALL ON *.* TO '${ADMIN}'@'127.0.0.1' WITH GRANT OPTION;\n`,
  );

  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const child = spawn(
      binary,
      [
        '--no-defaults',
        ...asRoot(),
        `--datadir=${data}`,
        `--socket=${join(folder, 's')}`,
        `--pid-file=${join(folder, 'pid')}`,
        `--init-file=${join(folder, 'init.sql')}`,
        `--log-error=${join(folder, 'log')}`,
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        '--skip-name-resolve',
        '--skip-log-bin',
        '--innodb-flush-log-at-trx-commit=0',
        '--innodb-flush-method=nosync',
        '--innodb-doublewrite=0',
        '--innodb-buffer-pool-size=256M',
        LOG_SIZE,
        '--character-set-server=utf8mb4',
        '--collation-server=utf8mb4_unicode_ci',
        ...(options.serverArguments ?? []),
      ],
      { stdio: 'ignore' },
    );
    if (await answers(child, port)) return server(child, port, folder);
    // The port may have been taken between the look and the start.
    if (attempt === 3) {
      const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '(no log)');
      await rm(folder, { recursive: true, force: true });
      throw new Error(`MariaDB did not start.\n${log}`);
    }
  }
}

/** Takes seconds; of one test run all but the first copy what it made. */
async function createData(data: string): Promise<void> {
  const samples = process.env[SAMPLES_VARIABLE];
  if (samples === undefined) return install(data);
  const original = join(samples, 'mariadb');
  if (!existsSync(original)) {
    const made = `${original}-${randomUUID()}`;
    await mkdir(samples, { recursive: true });
    await install(made);
    // Another test process may have been faster: its data are as good.
    await rename(made, original).catch(() => rm(made, { recursive: true }));
  }
  await cp(original, data, { recursive: true });
}

async function install(data: string): Promise<void> {
  await promisify(execFile)('mariadb-install-db', [
    '--no-defaults',
    ...asRoot(),
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    LOG_SIZE,
  ]);
}

function server(child: ChildProcess, port: number, folder: string): MariadbServer {
  const connections: mysql.Connection[] = [];
  // A test process that dies must not leave a server behind.
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  const url = (database: string, user = ADMIN, password = PASSWORD) =>
    `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const admin = async (database?: string) => {
    const connection = await mysql.createConnection({ ...address(port), ...(database ? { database } : {}) });
    // The server going away is part of some tests.
    connection.on('error', () => {});
    connections.push(connection);
    return connection;
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    for (const connection of connections) connection.destroy();
    await exited(child, signal);
    process.removeListener('exit', orphan);
  };
  return {
    port,
    pid: child.pid!,
    url,
    admin,
    async createDatabase(name) {
      const connection = await admin();
      await connection.query(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
      connection.destroy();
      return url(name);
    },
    kill: () => end('SIGKILL'),
    async stop() {
      // Nothing in the folder is wanted any more, so an orderly shutdown would only take time.
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function address(port: number) {
  return { host: '127.0.0.1', port, user: ADMIN, password: PASSWORD, charset: 'utf8mb4' };
}

async function answers(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    try {
      const connection = await mysql.createConnection(address(port));
      await connection.end();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await exited(child, 'SIGKILL');
  return false;
}

async function exited(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}
