/** Serves a sample account until it is stopped. `node simulators/cliniko/cli.ts --help` */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mutate } from './life.ts';
import { createRandom } from './random.ts';
import { type ClinikoSimulator, startCliniko } from './server.ts';

const HELP = `Serves a sample Cliniko account with invented patients on this machine, and optionally keeps it changing.

Usage: node simulators/cliniko/cli.ts serve [options]

  --port <n>               on 127.0.0.1; 0 takes a free one (default 8501)
  --seed <n>               same seed, same account (default 1)
  --patients <n>           default 500
  --appointments <n>       default 2000
  --shard <name>           end of the key, such as au1 or uk2 (default au1)
  --time-zone <name>       of the practice (default Australia/Sydney)
  --change-every <time>    changes something every 30s, 5m or 1h
  --no-rate-limit          otherwise 200 requests per minute and user
  --help                   shows this text

Prints the address and a key, and serves until Ctrl-C or SIGTERM. While it runs, POST /_control/faults on the same
port makes things go wrong, POST /_control/mutate changes records, and GET /_control/world counts them.

Exit codes: 0 stopped, 1 failed, 2 bad usage.
`;

interface Arguments {
  readonly port: number;
  readonly seed: number;
  readonly patients: number;
  readonly appointments: number;
  readonly shard: string;
  readonly timeZone: string;
  readonly changeEveryMs: number | null;
  readonly rateLimit: boolean;
}

/** @returns null when help was asked for. @throws TypeError for bad usage */
export function readArguments(argv: readonly string[]): Arguments | null {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8501' },
      seed: { type: 'string', default: '1' },
      patients: { type: 'string', default: '500' },
      appointments: { type: 'string', default: '2000' },
      shard: { type: 'string', default: 'au1' },
      'time-zone': { type: 'string', default: 'Australia/Sydney' },
      'change-every': { type: 'string' },
      'no-rate-limit': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length !== 1 || positionals[0] !== 'serve') throw new TypeError('the command is serve');
  if (!/^[a-z]{2}\d{1,2}$/i.test(values.shard)) throw new TypeError('--shard must be like au1');
  const port = wholeNumber('--port', values.port);
  if (port > 65_535) throw new TypeError('--port must be at most 65535');
  return {
    port,
    seed: wholeNumber('--seed', values.seed),
    patients: wholeNumber('--patients', values.patients),
    appointments: wholeNumber('--appointments', values.appointments),
    shard: values.shard,
    timeZone: timeZone(values['time-zone']),
    changeEveryMs: values['change-every'] === undefined ? null : duration('--change-every', values['change-every']),
    rateLimit: !values['no-rate-limit'],
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${name} must be a whole number`);
  return Number(text);
}

function timeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new TypeError('--time-zone must be like Australia/Sydney');
  }
}

function duration(name: string, text: string): number {
  const match = /^([1-9]\d{0,4})(s|m|h)$/.exec(text);
  if (!match) throw new TypeError(`${name} must be a duration such as 30s, 5m or 1h`);
  return Number(match[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'];
}

async function serve(args: Arguments): Promise<void> {
  const { port, seed, patients, appointments, shard, timeZone } = args;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const simulator = await startCliniko({
    port,
    accounts: [{ seed, patients, appointments, shard, timeZone }],
    ...(args.rateLimit ? {} : { rateLimit: null }),
  });
  console.log(`Address: ${simulator.url}\nKey:     ${simulator.accounts[0]!.key}\nServing until Ctrl-C.`);
  try {
    await live(simulator, args, stop.signal);
  } finally {
    await simulator.stop();
  }
}

async function live(simulator: ClinikoSimulator, { changeEveryMs, seed }: Arguments, signal: AbortSignal) {
  const random = createRandom(`${seed}/life`);
  while (!signal.aborted) {
    await sleep(changeEveryMs ?? 3_600_000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted || changeEveryMs === null) continue;
    console.log(mutate(simulator.accounts[0]!.world, random, random.int(1, 3)).join(', '));
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
