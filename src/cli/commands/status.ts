import type { Command } from 'commander';
import type { UnreadSummary } from '../../ports/unread-documents.ts';
import { countOf } from '../arguments.ts';
import { type CommandRunner, connectionNamed } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { duration } from '../output.ts';
import { sayMirrorLacks } from '../remote-documents.ts';

export function registerStatus(program: Command, runner: CommandRunner): void {
  program
    .command('status')
    .description('what is stored, how fresh it is, and what needs a person')
    .action((_options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const statuses = await chartsync.reports.connections();
        for (const status of statuses) output.emit('connection', status);
        const now = Date.now();
        output.table(
          [
            'connection',
            'organisation',
            'state',
            'documents',
            'patients',
            'appointments',
            'last success',
            'failures',
            'held',
          ],
          statuses.map((s) => [
            s.connectionId,
            s.organizationId,
            s.runningRunId === null ? s.state : 'running',
            s.documents,
            s.filesets,
            s.appointments,
            s.lastSuccessAt === null ? 'never' : `${duration(now - Date.parse(s.lastSuccessAt))} ago`,
            s.openFailures,
            s.heldItems,
          ]),
        );
        if (statuses.length === 0)
          output.say('No connection is configured. Describe one in chartsync.yaml, see the README.');
        for (const { connectionId, stateReason } of statuses) {
          if (stateReason !== null) output.say(`${connectionId} is paused: ${stateReason}`);
        }
        for (const { connectionId, stateReason, consecutiveFailures: failed } of statuses) {
          if (stateReason !== null || failed === 0) continue;
          output.say(
            `${connectionId}: ${failed === 1 ? 'the last run' : `the last ${failed} runs`} failed, see chartsync runs ${connectionId}`,
          );
        }
        if (statuses.some((s) => s.heldItems > 0)) output.say('Deletions wait for a decision: chartsync held list');
        if (statuses.some((s) => s.openFailures > 0)) output.say('Items failed: chartsync failures <connection>');
        for (const { id } of chartsync.config.organizations) {
          const summary = await chartsync.unread.summary(id);
          output.emit('documents', { organizationId: id, ...summary });
          const line = unreadLine(id, summary);
          if (line !== null) output.say(line);
          const [report] = await chartsync.consistency.reports(id, 1);
          if (report === undefined) continue;
          output.emit('consistency', { organizationId: id, ...report });
          const found = report.totals.reduce((sum, { count }) => sum + count, 0);
          const when = report.finishedAt === null ? 'not at its end' : duration(now - Date.parse(report.finishedAt));
          output.say(
            `Stores of ${id} compared ${report.finishedAt === null ? when : `${when} ago`}: ` +
              (found === 0 ? 'no difference.' : `${found} differences, see chartsync consistency.`),
          );
        }
        for (const { key } of chartsync.mirrors) {
          const lag = await chartsync.mirrorRecords.lag(key);
          output.emit('mirror', { ...key, ...lag });
          if (lag.pending > 0)
            output.say(`${lag.pending} changes wait for the mirrored tables of ${key.connectionId}.`);
          sayMirrorLacks(output, key.connectionId, lag);
        }
        for (const state of await chartsync.upkeep.states()) {
          output.emit('upkeep', state);
          if (state.code !== null) output.say(`${state.task} failed: ${state.code}.`);
        }
        return EXIT.done;
      }),
    );

  program
    .command('runs')
    .description('the newest runs of a connection')
    .argument('<connection>', 'id of the connection')
    .option('--limit <n>', 'how many', '10')
    .action((name: string, options: { limit: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const connection = connectionNamed(chartsync, name);
        const limit = countOf('--limit', options.limit, 1000);
        const runs = await chartsync.runs.runs(connection.settings, limit);
        for (const run of runs) output.emit('run', run);
        output.table(
          [
            'started',
            'mode',
            'by',
            'state',
            'outcome',
            'added',
            'updated',
            'moved',
            'removed',
            'failed',
            'time',
            'run',
          ],
          runs.map((run) => [
            run.startedAt,
            run.mode,
            run.trigger,
            run.state,
            run.outcome ?? '',
            run.counts.added,
            run.counts.updated,
            run.counts.moved,
            run.counts.removed,
            run.counts.failed,
            run.finishedAt === null ? '' : duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
            run.id,
          ]),
        );
        if (runs.length === 0) output.say('There was no run yet.');
        return EXIT.done;
      }),
    );
}

/** Null: every document is read, and has text. */
function unreadLine(organizationId: string, { waiting, processing, causes }: UnreadSummary): string | null {
  const codes = causes.map(
    ({ code, failed, documents }) => `${documents} ${failed ? code : `with pages without text (${code})`}`,
  );
  const parts = [...(waiting + processing > 0 ? [`${waiting + processing} to be read`] : []), ...codes];
  return parts.length === 0 ? null : `Documents of ${organizationId} that no search finds: ${parts.join(', ')}.`;
}
