/** The machine itself in the way: folders, addresses and ports. Told in a sentence that names the thing and what to do. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
/** Root may write anywhere, so root tries it without that. */
const THROUGH = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chartsync-machine-'));
  // The PostgreSQL of root runs as somebody else, who must get in.
  await chmod(folder, 0o755);
  database = await testDatabase();
});
afterAll(async () => {
  await chmod(join(folder, 'closed'), 0o700).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  await database?.drop();
});

const status = (home: string) => runCli(['status'], { cwd: folder, env: { CHARTSYNC_HOME: home }, through: THROUGH });
const serve = (env: Record<string, string>) =>
  runCli(['serve'], {
    cwd: folder,
    env: {
      CHARTSYNC_HOME: join(folder, 'home'),
      DATABASE_URL: database.url,
      PORT: '0',
      SYNC_LOG_LEVEL: 'error',
      ...env,
    },
  });

function expectTrouble(result: CliResult, words: RegExp, code = 'machine_trouble'): void {
  expect(result.stderr).toMatch(words);
  expect(result.stderr).toContain(`[${code}]`);
  expect(result.stderr).not.toMatch(/run id|unexpected/);
  expect(result.code).toBe(1);
}

test('a home folder that cannot be: a file in its way, or a folder that this user may not write to', async () => {
  await writeFile(join(folder, 'a-file'), '');
  expectTrouble(await status(join(folder, 'a-file', 'home')), /a-file\S* cannot be used: a part of its path is a file/);
  expectTrouble(await status(join(folder, 'a-file')), /a-file\S* cannot be used: a part of its path is a file/);
  await mkdir(join(folder, 'closed', 'postgres'), { recursive: true });
  await chmod(join(folder, 'closed', 'postgres'), 0o500);
  expectTrouble(
    await status(join(folder, 'closed')),
    /closed\/postgres\/lock cannot be opened or written\. Give user \d+/,
  );
  await chmod(join(folder, 'closed'), 0o500);
  expectTrouble(
    await status(join(folder, 'closed', 'new')),
    /closed\/new\S* cannot be used: it is not allowed \(mkdir/,
  );
});

test('a home folder on a disk that can only be read, and on one that is full', async () => {
  const script = join(folder, 'disks.sh');
  await writeFile(
    script,
    `set -u
mkdir -p "$1"
mount -t tmpfs -o size=200k tmpfs "$1" || exit 90
export CHARTSYNC_HOME="$1"/home
shift
run() { name=$1; shift; "$@" >"$name.out" 2>"$name.err"; echo $? >"$name.code"; }
run full "$@" status
mount -o remount,ro "\${CHARTSYNC_HOME%/home}" || exit 91
run readonly "$@" status
`,
  );
  const namespace = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
  await promisify(execFile)('unshare', [...namespace, 'sh', script, join(folder, 'disk'), process.execPath, MAIN], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
  });
  const said = async (name: string): Promise<CliResult> => {
    const [stdout, stderr, code] = await Promise.all(
      ['out', 'err', 'code'].map((end) => readFile(join(folder, `${name}.${end}`), 'utf8')),
    );
    return { code: Number(code), signal: null, stdout: stdout!, stderr: stderr!, lines: [] };
  };
  expectTrouble(await said('full'), /disk\/home\/postgres[\s\S]*No space left on device/);
  expectTrouble(await said('readonly'), /disk\/home\/postgres[\s\S]*read-only/);
});

test('a port that is taken, and an address that is not of this machine', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  try {
    expectTrouble(await serve({ PORT: String(port) }), new RegExp(`^Port ${port} is in use\\. .*PORT`));
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
  expectTrouble(
    await serve({ HOST: '203.0.113.7' }),
    /^203\.0\.113\.7 is not an address of this machine\. Correct HOST/,
  );
  expectTrouble(await serve({ HOST: 'nowhere.invalid' }), /^nowhere\.invalid is not an address of this machine/);
});
