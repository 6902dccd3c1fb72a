/** The command line: what it understands. Loaded by `main.ts`. */
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
import { createCommandRunner } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { tellUnexpected } from './unexpected.ts';

const program = new Command('chartsync')
  .description("Keeps clinic systems and an application's stores in step, and can prove it.")
  .version(await version())
  .option('--config <file>', 'configuration file (default: CHARTSYNC_CONFIG, else ./chartsync.yaml)')
  .option('--json', 'print one JSON text per line, for programs')
  .showSuggestionAfterError()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 finished with failures, 4 removals held for approval, 75 busy.
Error codes are explained in docs/errors.md.`,
  )
  .exitOverride();

// Whoever reads our output may stop early ("| head"): the work goes on, only its words are lost.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.on('uncaughtException', (error) => {
  tellUnexpected(error, process.stderr);
  process.exit(EXIT.failed);
});

// The one place that reads the process: everything below is told.
const runner = createCommandRunner({ env: process.env, cwd: process.cwd() });
for (const register of [
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
]) {
  register(program, runner);
}
// Sub-commands do not inherit it: a wrong option must end with exit code 2, not commander's 1.
for (const command of program.commands) {
  command.exitOverride();
  for (const sub of command.commands) sub.exitOverride();
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const code = (error as { exitCode?: number }).exitCode;
  if (code === undefined) {
    tellUnexpected(error, process.stderr);
    process.exitCode = EXIT.failed;
  } else {
    process.exitCode = code === 0 ? EXIT.done : EXIT.usage;
  }
}
