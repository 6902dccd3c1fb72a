/** Set-up that start.mjs and test.mjs share. Plain JavaScript: it runs under the Node that is there, 18 or later. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.chartsync-install');
/** The project's own Node 24, whatever Node runs this script. */
export const node24 = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

/** Installs the packages when they are missing or another lock file was installed. Ends the process when that fails. */
export async function installPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node24)) return;
  if (!isInstalled(JSON.parse(lock.toString('utf8')))) {
    console.log('Chartsync: installing its packages with npm (once; takes up to a minute, needs the network) …');
    const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
    const code = await run([
      ...npm,
      'ci',
      '--include=dev',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    if (code !== 0) fail(code, 'npm could not install the packages; its messages are above. Nothing was started.');
  }
  // Packages were installed with --ignore-scripts when this does not run.
  if (!existsSync(node24) || (await run([node24, '--version'], { stdio: 'ignore' })) !== 0) {
    fail(1, 'The package "node" was installed without its install script. Allow install scripts and run "npm ci".');
  }
  writeFileSync(stamp, wanted);
}

/** Lets commands start sooner. Whether it succeeds or not, they do the same. */
export async function bundlePackages() {
  await run([node24, join(root, 'scripts', 'bundle-packages.ts')]);
}

/** Does node_modules hold what the lock file says already, installed by hand? */
function isInstalled(lock) {
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record) || !existsSync(node24)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(lock.packages).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    // Optional packages for other platforms stay away.
    return found ? found.version === entry.version && found.integrity === entry.integrity : entry.optional === true;
  });
}

/** The same as `run`, but what the program says is shown only when it fails. */
export async function runQuietly(command, options = {}) {
  let said = '';
  const heard = (text) => {
    said += text;
  };
  const code = await run(command, { ...options, stdio: ['ignore', 'pipe', 'pipe'], heard });
  if (code !== 0) process.stderr.write(said);
  return code;
}

/**
 * Runs a program with the terminal of this one, the project's programs first in its PATH.
 * @param options of `spawn`, and `heard`: is given what the program says when its output is piped
 * @returns {Promise<number>} its exit code, as a shell counts
 */
export function run([program, ...args], { heard, ...options } = {}) {
  const env = { ...process.env, PATH: [join(modules, '.bin'), process.env.PATH].join(delimiter), ...options.env };
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options, env });
  for (const stream of heard ? [child.stdout, child.stderr] : []) stream.setEncoding('utf8').on('data', heard);
  const forward = (signal) => {
    // On Ctrl-C the terminal tells the child itself, and twice would mean "at once".
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`Chartsync: ${program} could not be started (${error.code}).`);
      resolve(127);
    });
    // What was said last may come after the end of the process.
    child.on(heard ? 'close' : 'exit', (code, signal) => resolve(code ?? 128 + (NUMBERS[signal] ?? 0)));
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
}

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

export function fail(code, message) {
  console.error(`\nChartsync: ${message}`);
  process.exit(code);
}
