/**
 * Runs the command line within the process of the tests: the same from its arguments to its output and exit code, without the start
 * of a process, which takes longer than most commands. Each command has a test with a process of its own as well (`cli.ts`).
 */
import { Readable } from 'node:stream';
import { runCommandLine } from '../../src/cli/program.ts';
import { type CliOptions, type CliResult, resultOf } from './cli.ts';

export async function runCommand(
  args: readonly string[],
  { cwd, env, input }: Pick<CliOptions, 'cwd' | 'env' | 'input'>,
): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    env: { PATH: process.env.PATH, ...env },
    cwd,
    streams: {
      out: {
        write(text) {
          stdout += text;
        },
      },
      err: {
        write(text) {
          stderr += text;
        },
      },
      input: () => Readable.from([input ?? '']),
    },
  });
  return resultOf({ code, signal: null, stdout, stderr });
}
