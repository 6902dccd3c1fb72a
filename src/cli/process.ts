/** The command line as a process: the one place that reads it and ends it. Everything below is told. */
import { EXIT } from './exit-codes.ts';
import { runCommandLine } from './program.ts';
import { tellUnexpected } from './unexpected.ts';

export async function runProcess(): Promise<void> {
  // Whoever reads our output may stop early ("| head"): the work goes on, only its words are lost.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('uncaughtException', (error) => {
    tellUnexpected(error, process.stderr);
    process.exit(EXIT.failed);
  });
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    env: process.env,
    cwd: process.cwd(),
    streams: { out: process.stdout, err: process.stderr, input: () => process.stdin },
  });
}
