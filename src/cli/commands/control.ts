import type { Command } from 'commander';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { auditedCommand } from '../person.ts';

/** What a person does to runs and connections: pause, resume, cancel. */
export function registerControl(program: Command, runner: CommandRunner): void {
  program
    .command('pause')
    .description('let no run of a connection start until it is resumed; waiting ones are cancelled')
    .argument('<connection>', 'id of the connection')
    .option('--reason <text>', 'shown to others')
    .action((name: string, options: { reason?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const { organizationId, id } = connectionNamed(chartsync, name);
        const deed = { organizationId, action: 'connection.pause', subject: { kind: 'connection', id } };
        const reason = options.reason ?? 'Paused by a person.';
        await auditedCommand(chartsync, runner.env, deed, () =>
          chartsync.queue.pause({ organizationId, connectionId: id }, reason),
        );
        output.emit('paused', { connection: id, reason });
        output.say(`${id} is paused. A run in progress goes on; see "chartsync cancel".`);
        return EXIT.done;
      }),
    );

  program
    .command('resume')
    .description('let a paused connection run again; what it missed is made up for once')
    .argument('<connection>', 'id of the connection')
    .action((name: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const { organizationId, id } = connectionNamed(chartsync, name);
        const deed = { organizationId, action: 'connection.resume', subject: { kind: 'connection', id } };
        await auditedCommand(chartsync, runner.env, deed, () =>
          chartsync.queue.resume({ organizationId, connectionId: id }),
        );
        output.emit('resumed', { connection: id });
        output.say(`${id} is active.`);
        return EXIT.done;
      }),
    );

  program
    .command('cancel')
    .description('stop a run, wherever it is worked on; what it has done is kept')
    .argument('<run>', 'id of the run, see "chartsync runs <connection>"')
    .action((runId: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        for (const { id: organizationId } of chartsync.config.organizations) {
          const run = await chartsync.runs.run(organizationId, runId);
          if (run === null) continue;
          const deed = { organizationId, action: 'sync.cancel', subject: { kind: 'run', id: runId } };
          const answer = await auditedCommand(chartsync, runner.env, deed, () =>
            chartsync.queue.cancel(organizationId, runId),
          );
          output.emit('cancel', { run: runId, answer, previousState: run.state });
          output.say(
            answer === 'ended'
              ? `The run has ended already: ${run.state}.`
              : answer === 'cancelled'
                ? 'The run is cancelled; nobody had begun to work on it.'
                : 'The run stops within seconds.',
          );
          return EXIT.done;
        }
        throw new UsageError(`There is no run ${runId}. See "chartsync runs <connection>".`);
      }),
    );
}
