import { type Command, Option } from 'commander';
import { SyncError } from '../../domain/errors.ts';
import { FILE_MODES, type FileMode } from '../../domain/run.ts';
import { syncFiles } from '../../engine/files/sync-files.ts';
import { patientOf } from '../arguments.ts';
import { type CommandRunner, connectionNamed } from '../context.ts';
import { auditedCommand } from '../person.ts';
import { planAndReport } from '../plan-report.ts';
import { createProgressBar } from '../progress-bar.ts';
import { reportRun } from '../run-report.ts';

interface SyncOptions {
  readonly patient?: string;
  readonly mode: FileMode;
  readonly dryRun?: boolean;
}

export function registerSync(program: Command, runner: CommandRunner): void {
  program
    .command('sync')
    .description('copy what is new, follow moves and removals, once')
    .argument('<connection>', 'id of the connection')
    .option('--patient <uuid>', 'only this patient')
    .addOption(
      new Option(
        '--mode <mode>',
        'quick: compare records; deep: also size and time of each file; checksum: hash each file',
      )
        .choices(FILE_MODES)
        .default('quick'),
    )
    .option('--dry-run', 'show what would happen and change nothing')
    .action((name: string, options: SyncOptions, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const connection = connectionNamed(chartsync, name);
        const unit = patientOf(options.patient);
        if (options.dryRun || connection.dryRun) {
          return planAndReport({ output, connection, signal, mode: options.mode, unit, out: null });
        }
        const bar = output.interactive ? createProgressBar(Date.now) : null;
        try {
          const work = () =>
            syncFiles(connection.ports, connection.settings, {
              mode: options.mode,
              trigger: 'manual',
              signal,
              ...(unit === null ? {} : { unit }),
              onStarted: (runId) => output.emit('started', { runId, connection: connection.id }),
              onProgress: (progress) => {
                bar?.update(progress);
                output.emit('progress', progress);
              },
            });
          const deed = {
            organizationId: connection.organizationId,
            action: 'sync.run',
            subject: { kind: 'connection', id: connection.id },
            details: { mode: options.mode, ...(unit === null ? {} : { patient: unit }) },
          };
          const result = await auditedCommand(chartsync, runner.env, deed, work, ({ runId, state, outcome }) => ({
            details: { run: runId, state, outcome },
          }));
          bar?.stop();
          return reportRun(output, connection.id, result);
        } catch (error) {
          bar?.stop();
          if (error instanceof SyncError && error.code === 'connection_busy') {
            throw new SyncError('connection_busy', {
              detail: `Run: ${error.detail ?? ''}. See "chartsync runs ${connection.id}".`,
            });
          }
          throw error;
        }
      }),
    );
}
