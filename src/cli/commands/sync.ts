import { type Command, Option } from 'commander';
import { SyncError } from '../../domain/errors.ts';
import { BOOK_MODES, FILE_MODES, RECORD_MODES } from '../../domain/run.ts';
import { isFileConnection, isKeyOf } from '../../runs/connections.ts';
import { catchUp } from '../../runs/mirror-tables.ts';
import { checkMode, modeFor } from '../../runs/modes.ts';
import { runOnce } from '../../runs/sync-service.ts';
import { patientOf } from '../arguments.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { auditedCommand } from '../person.ts';
import { planAndReport } from '../plan-report.ts';
import { createProgressBar } from '../progress-bar.ts';
import { sayMirrorLacks } from '../remote-documents.ts';
import { reportRun } from '../run-report.ts';

interface SyncOptions {
  readonly patient?: string;
  readonly mode?: string;
  readonly dryRun?: boolean;
}

const MODES =
  'files: quick (default) compares records, deep also looks at size and time of each file, checksum hashes each file; ' +
  'Cliniko: incremental (default) reads what changed, comprehensive everything, active all patients and the appointments ' +
  'from 30 days back on, patients-only no appointments; IDEXX: calendar (default) reads all dates of the window, consultations what was written down about visits';

export function registerSync(program: Command, runner: CommandRunner): void {
  program
    .command('sync')
    .description('copy what is new, follow moves and removals, once')
    .argument('<connection>', 'id of the connection')
    .option('--patient <uuid>', 'only this patient')
    .addOption(
      new Option('--mode <mode>', `how much to read; ${MODES}`).choices([
        ...FILE_MODES,
        ...RECORD_MODES,
        ...BOOK_MODES,
      ]),
    )
    .option('--dry-run', 'show what would happen and change nothing')
    .action((name: string, options: SyncOptions, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const connection = connectionNamed(chartsync, name);
        const unit = patientOf(options.patient);
        if (options.dryRun || connection.dryRun) {
          return planAndReport({ output, connection, signal, mode: options.mode ?? null, unit, out: null });
        }
        if (unit !== null && !isFileConnection(connection)) {
          throw new UsageError('--patient is for connections that copy files.');
        }
        const mode = options.mode === undefined ? modeFor(connection, 'changes') : checkMode(connection, options.mode);
        const bar = output.interactive ? createProgressBar(Date.now) : null;
        try {
          const work = () =>
            runOnce(connection, {
              mode,
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
            details: { mode, ...(unit === null ? {} : { patient: unit }) },
          };
          const result = await auditedCommand(chartsync, runner.env, deed, work, ({ runId, state, outcome }) => ({
            details: { run: runId, state, outcome },
          }));
          bar?.stop();
          // Where no service runs, nobody else would write it.
          const mirror = chartsync.mirrors.find(({ key }) => isKeyOf(connection, key));
          if (mirror !== undefined) {
            const { mirrorRecords } = chartsync;
            await catchUp(mirrorRecords, mirror, signal);
            sayMirrorLacks(output, connection.id, await mirrorRecords.lag(mirror.key));
          }
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
