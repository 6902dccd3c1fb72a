/** Serves a simulated portal until it is stopped. `node simulators/idexx/cli.ts --help` */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRandom } from '../vsrx/random.ts';
import { createClinic } from './clinic.ts';
import { step } from './life.ts';
import { startIdexx } from './server.ts';
import { type IdexxSimulator, REAL_LATENCY } from './simulator.ts';
import { wallAt } from './wall.ts';

const HELP = `Serves a simulated practice portal with invented clinics, on this machine only.

Usage: node simulators/idexx/cli.ts serve [options]

  --port <n>                default 8502; 0 takes any free one
  --clinics <n>             how many clinics have an account (default 1)
  --seed <n>                same seed, same clinics for the same day (default 1)
  --time-zone <zone>        of all clinics (default America/Los_Angeles)
  --latency real|none       answers as slow as a real portal's, or at once (default none)
  --change-every <duration> changes something in each clinic every 30s, 5m or 1h
  --help                    shows this text

Prints the address and an invented login for each clinic. Faults are switched on while it runs; see README.md.

Exit codes: 0 stopped, 1 failed, 2 bad usage.
`;

interface Arguments {
  readonly port: number;
  readonly clinics: number;
  readonly seed: number;
  readonly timeZone: string;
  readonly isSlow: boolean;
  readonly changeEveryMs: number | null;
}

/** @returns null when help was asked for. @throws TypeError for bad usage */
export function readArguments(argv: readonly string[]): Arguments | null {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8502' },
      clinics: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      'time-zone': { type: 'string', default: 'America/Los_Angeles' },
      latency: { type: 'string', default: 'none' },
      'change-every': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length !== 1 || positionals[0] !== 'serve') throw new TypeError('the command is: serve');
  const timeZone = values['time-zone'];
  try {
    wallAt(0, timeZone);
  } catch {
    throw new TypeError(`--time-zone must be a zone such as America/New_York`);
  }
  if (values.latency !== 'real' && values.latency !== 'none') throw new TypeError('--latency must be real or none');
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    clinics: wholeNumber('--clinics', values.clinics, 1, 100),
    seed: wholeNumber('--seed', values.seed, 0, 999_999_999),
    timeZone,
    isSlow: values.latency === 'real',
    changeEveryMs: values['change-every'] === undefined ? null : duration('--change-every', values['change-every']),
  };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
  return number;
}

function duration(name: string, text: string): number {
  const match = /^([1-9]\d{0,4})(s|m|h)$/.exec(text);
  if (!match) throw new TypeError(`${name} must be a duration such as 30s, 5m or 1h`);
  return Number(match[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'];
}

async function serve(args: Arguments): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const simulator = await startIdexx({
    port: args.port,
    clinics: Array.from({ length: args.clinics }, (_, i) =>
      createClinic({ seed: args.seed, number: i + 1, timeZone: args.timeZone }),
    ),
    latency: args.isSlow ? REAL_LATENCY : {},
  });
  console.log(`Portal at ${simulator.url}/login`);
  for (const { name, companyId, accounts } of simulator.clinics) {
    const [{ username, password }] = accounts as [(typeof accounts)[number]];
    console.log(`${name}: company ${companyId}, user ${username}, password ${password}`);
  }
  console.log('Until Ctrl-C.');
  if (args.changeEveryMs === null) await until(stop.signal);
  else await change(simulator, createRandom(`${args.seed}/cli`), args.changeEveryMs, stop.signal);
  await simulator.stop();
}

async function until(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function change(
  simulator: IdexxSimulator,
  random: ReturnType<typeof createRandom>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (true) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    for (const clinic of simulator.clinics) {
      const events = step(clinic, random, simulator.now());
      if (events.length > 0) {
        console.log(`${clinic.companyId}: ${events.map(({ kind, id }) => `${kind} ${id}`).join(', ')}`);
      }
    }
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  let args: Arguments | null = null;
  try {
    args = readArguments(process.argv.slice(2));
    if (!args) console.log(HELP);
  } catch (error) {
    console.error(`${describeError(error)}\n\n${HELP}`);
    process.exitCode = 2;
  }
  if (args) {
    await serve(args).catch((error: unknown) => {
      console.error(describeError(error));
      process.exitCode = 1;
    });
  }
}
