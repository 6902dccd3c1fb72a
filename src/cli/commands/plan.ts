import { type Command, Option } from 'commander';
import { BOOK_MODES, FILE_MODES, RECORD_MODES } from '../../domain/run.ts';
import { applyPlan, readPlan } from '../../engine/files/plan-files.ts';
import { patientOf } from '../arguments.ts';
import { type CommandRunner, connectionNamed, fileConnectionNamed, UsageError } from '../context.ts';
import { auditedCommand } from '../person.ts';
import { planAndReport } from '../plan-report.ts';
import { createProgressBar } from '../progress-bar.ts';
import { reportRun } from '../run-report.ts';

interface PlanOptions {
  readonly patient?: string;
  readonly mode?: string;
  readonly out?: string;
}

export function registerPlan(program: Command, runner: CommandRunner): void {
  program
    .command('plan')
    .description('show what a sync would do, and change nothing; shows file paths, which may hold names')
    .argument('<connection>', 'id of the connection')
    .option('--patient <uuid>', 'only this patient')
    .addOption(new Option('--mode <mode>', 'how much to read').choices([...FILE_MODES, ...RECORD_MODES, ...BOOK_MODES]))
    .option('--out <file>', 'write the plan to a file for apply-plan; it holds file paths, keep it safe')
    .action((name: string, options: PlanOptions, command: Command) =>
      runner.runOpened(command, ({ chartsync, output, signal }) =>
        planAndReport({
          output,
          signal,
          connection: connectionNamed(chartsync, name),
          mode: options.mode ?? null,
          unit: patientOf(options.patient),
          out: options.out ?? null,
        }),
      ),
    );

  program
    .command('apply-plan')
    .description('do exactly what a plan file says')
    .argument('<file>', 'a file written by "plan --out"')
    .action((file: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const { spooledFile } = await import('../../main.ts');
        const lines = spooledFile(file);
        const { header } = await readPlan(lines).catch((error) => {
          const code = (error as { cause?: NodeJS.ErrnoException }).cause?.code;
          if (code === 'ENOENT') throw new UsageError(`There is no file ${file}.`);
          if (code !== undefined) throw new UsageError(`${file} cannot be read (${code}).`);
          throw error;
        });
        const connection = fileConnectionNamed(chartsync, header.connectionId, 'A plan file');
        const bar = output.interactive ? createProgressBar(Date.now) : null;
        try {
          const work = () =>
            applyPlan(connection.ports, connection.settings, lines, {
              signal,
              onProgress: (progress) => {
                bar?.update(progress);
                output.emit('progress', progress);
              },
            });
          const { organizationId, id } = connection;
          const deed = { organizationId, action: 'plan.apply', subject: { kind: 'connection', id } };
          const result = await auditedCommand(chartsync, runner.env, deed, work, ({ runId, state, outcome }) => ({
            details: { run: runId, state, outcome },
          }));
          bar?.stop();
          return reportRun(output, connection.id, result);
        } finally {
          bar?.stop();
        }
      }),
    );
}
