/** The command line: what it understands. `main.ts` gives it what the process was given. */
import { Command } from 'commander';
import { version } from '../version.ts';
import { registerAlerts } from './commands/alerts.ts';
import { registerApply } from './commands/apply.ts';
import { registerAudit } from './commands/audit.ts';
import { registerConsistency } from './commands/consistency.ts';
import { registerConsultations } from './commands/consultations.ts';
import { registerControl } from './commands/control.ts';
import { registerCredentials } from './commands/credentials.ts';
import { registerDemo } from './commands/demo.ts';
import { registerFailures } from './commands/failures.ts';
import { registerHeld } from './commands/held.ts';
import { registerKey } from './commands/key.ts';
import { registerMigrateDocuments } from './commands/migrate-documents.ts';
import { registerPlan } from './commands/plan.ts';
import { registerRepair } from './commands/repair.ts';
import { registerServe } from './commands/serve.ts';
import { registerStatus } from './commands/status.ts';
import { registerSync } from './commands/sync.ts';
import { registerVerify } from './commands/verify.ts';
import { createCommandRunner, type Surroundings } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { tellUnexpected } from './unexpected.ts';

const COMMANDS = [
  registerServe,
  registerDemo,
  registerApply,
  registerSync,
  registerPlan,
  registerStatus,
  registerFailures,
  registerConsultations,
  registerConsistency,
  registerControl,
  registerHeld,
  registerVerify,
  registerRepair,
  registerMigrateDocuments,
  registerKey,
  registerCredentials,
  registerAlerts,
  registerAudit,
];

/** @param args without the program's own name */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { out, err } = surroundings.streams;
  const program = new Command('chartsync')
    .description("Keeps clinic systems and an application's stores in step, and can prove it.")
    .version(await version())
    .option('--config <file>', 'configuration file (default: CHARTSYNC_CONFIG, else ./chartsync.yaml)')
    .option('--json', 'print one JSON text per line, for programs')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => out.write(text), writeErr: (text) => err.write(text) })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 finished with failures, 4 deletions held for approval, 75 busy.
Error codes are explained in docs/errors.md.`,
    )
    .exitOverride();
  let ended: ExitCode = EXIT.done;
  const runner = createCommandRunner(surroundings, (code) => {
    ended = code;
  });
  for (const register of COMMANDS) register(program, runner);
  // Sub-commands do not inherit it: a wrong option must end with exit code 2, not commander's 1.
  for (const command of program.commands) {
    command.exitOverride();
    for (const sub of command.commands) sub.exitOverride();
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return ended;
  } catch (error) {
    const code = (error as { exitCode?: number }).exitCode;
    if (code !== undefined) return code === 0 ? EXIT.done : EXIT.usage;
    tellUnexpected(error, err);
    return EXIT.failed;
  }
}
