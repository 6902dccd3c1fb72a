/** What every command needs: the configuration, an opened Chartsync, a place to print, and a signal that Ctrl-C aborts. */
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/mistake.ts';
import type { Environment } from '../config/source.ts';
import { ERROR_CATALOGUE, SyncError, toSyncError } from '../domain/errors.ts';
import type { Chartsync, RecordDatabase } from '../main.ts';
import { type Connection, type FileConnection, findConnection, isFileConnection } from '../runs/connections.ts';
import { demoEnvironment, demoFile, homeFolder, isDemo } from './demo-home.ts';
import { EXIT, type ExitCode, exitCodeOfError } from './exit-codes.ts';
import { machineTrouble } from './machine-error.ts';
import { createOutput, type Output, type Streams } from './output.ts';
import { describeUnexpected } from './unexpected.ts';

/** Where the command line was started, and whom it talks to. */
export interface Surroundings {
  readonly env: Environment;
  readonly cwd: string;
  readonly streams: Streams & { readonly input: () => Input };
}

export type Input = AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };

export interface CommandContext {
  readonly chartsync: Chartsync;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** A mistake in how the command was typed: exit code 2. */
export class UsageError extends Error {}

interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Runs commands in given surroundings and turns whatever happens into an exit code. */
export interface CommandRunner extends Surroundings {
  run(
    command: Command,
    work: (output: Output, signal: AbortSignal, options: GlobalOptions) => Promise<ExitCode>,
  ): Promise<void>;
  /** The same with an opened Chartsync whose registry says what the configuration says. */
  runOpened(command: Command, work: (context: CommandContext) => Promise<ExitCode>): Promise<void>;
}

/** @param ended hears what a command ends with */
export function createCommandRunner(surroundings: Surroundings, ended: (code: ExitCode) => void): CommandRunner {
  const run: CommandRunner['run'] = async (command, work) =>
    ended(await runCommand(surroundings.streams, command, work));
  return {
    ...surroundings,
    run,
    runOpened: (command, work) =>
      run(command, async (output, signal, options) => {
        const { config, database } = await openConfigured(surroundings, options, output);
        const { applyConfiguration, openChartsync } = await import('../main.ts');
        const chartsync = await openChartsync(config, database);
        try {
          await applyConfiguration(chartsync);
          return await work({ chartsync, output, signal });
        } finally {
          await chartsync.close();
        }
      }),
  };
}

const ECHO_MS = 500;

async function runCommand(
  streams: Streams,
  command: Command,
  work: (output: Output, signal: AbortSignal, options: GlobalOptions) => Promise<ExitCode>,
): Promise<ExitCode> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const output = createOutput({ json: options.json === true, streams });
  const stop = new AbortController();
  let stoppedAt = 0;
  const onSignal = () => {
    if (stop.signal.aborted) {
      // `npm start` passes on what its whole group got anyway: the echo of one Ctrl-C is not a second one.
      if (Date.now() - stoppedAt > ECHO_MS) process.exit(130);
      return;
    }
    stoppedAt = Date.now();
    if (!output.json) streams.err.write('Stopping. What is done is kept. Press Ctrl-C again to stop at once.\n');
    stop.abort(new SyncError('cancelled'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(output, stop.signal, options);
  } catch (error) {
    return tell(output, streams.err, error);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/**
 * The configuration and its database. Where nothing is configured but the sample practice was started here, commands work
 * on that: a newcomer should be able to look around.
 */
export async function openConfigured(
  { env, cwd, streams }: Surroundings,
  options: GlobalOptions,
  output: Output,
): Promise<{ config: Config; database: RecordDatabase }> {
  const log = (sentence: string) => {
    if (!output.json) streams.err.write(`${sentence}\n`);
  };
  const { loadConfig } = await import('../config/load.ts');
  const { openRecordDatabase } = await import('../main.ts');
  if (await isDemo(env, cwd, options.config)) {
    log('No chartsync.yaml here: this is the sample practice that "npm start" made.');
    const home = homeFolder(env, cwd);
    const database = await openRecordDatabase({ home, databaseUrl: null }, log);
    const config = await loadConfig({ env: await demoEnvironment(env, database, home), cwd, file: demoFile(home) });
    return { config, database };
  }
  const config = await loadConfig({ env, cwd, ...(options.config === undefined ? {} : { file: options.config }) });
  return { config, database: await openRecordDatabase(config, log) };
}

export function connectionNamed(chartsync: Chartsync, name: string): Connection {
  const found = findConnection(chartsync.connections, name);
  if (found.found === 'one') return found.connection;
  const list = found.candidates.join(', ');
  if (found.found === 'several') throw new UsageError(`Several connections are called "${name}": name one of ${list}.`);
  throw new UsageError(
    list === ''
      ? 'No connection is configured. Describe one in chartsync.yaml, see the README.'
      : `There is no connection "${name}". Configured: ${list}.`,
  );
}

/** @throws UsageError when it is a connection of another kind */
export function fileConnectionNamed(chartsync: Chartsync, name: string, what: string): FileConnection {
  const connection = connectionNamed(chartsync, name);
  if (isFileConnection(connection)) return connection;
  throw new UsageError(
    `${what} is for connections that copy files; ${connection.id} is of the kind ${connection.connector}.`,
  );
}

function tell(output: Output, err: Streams['err'], error: unknown): ExitCode {
  if (error instanceof ConfigError) {
    if (output.json) {
      err.write(`${JSON.stringify({ type: 'error', code: 'config_invalid', mistakes: error.mistakes })}\n`);
    } else {
      err.write(`${error.message}\n`);
    }
    return EXIT.usage;
  }
  if (error instanceof UsageError) {
    if (output.json) err.write(`${JSON.stringify({ type: 'error', code: 'usage', message: error.message })}\n`);
    else err.write(`${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof SyncError) {
    output.error(error);
    return error.code === 'settings_invalid' ? EXIT.usage : exitCodeOfError(error);
  }
  const failure = machineTrouble(error);
  if (failure === null) {
    const { code, remedy } = toSyncError(error);
    output.error({ code, message: describeUnexpected(error), remedy });
  } else {
    output.error({ ...failure, remedy: ERROR_CATALOGUE[failure.code].remedy });
  }
  return EXIT.failed;
}
