import type { Command } from 'commander';
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import { isRecordConnection } from '../../runs/connections.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export function registerFailures(program: Command, runner: CommandRunner): void {
  program
    .command('failures')
    .description('items that failed, why, and what to do; retry or skip them')
    .argument('<connection>', 'id of the connection')
    .option('--retry <id...>', 'try these again in the next run ("all" for all)')
    .option('--skip <id...>', 'leave these alone until their source changes ("all" for all)')
    .action((name: string, options: { retry?: string[]; skip?: string[] }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const connection = connectionNamed(chartsync, name);
        const open = await chartsync.runs.openFailures(connection.settings);
        // All are looked at before any is decided.
        for (const id of [...(options.retry ?? []), ...(options.skip ?? [])]) {
          if (id !== 'all' && !open.some((failure) => failure.id === id)) {
            throw new UsageError(`There is no failure ${id} of ${connection.id}.`);
          }
        }
        const decide = async (ids: string[] | undefined, decision: 'retry' | 'skip') => {
          const chosen = ids?.includes('all') ? open.map((f) => f.id) : (ids ?? []);
          for (const id of chosen) {
            // A run may have resolved it since it was listed: then there is nothing left to decide.
            await chartsync.runs.decideFailure(connection.organizationId, id, decision);
          }
          if (chosen.length > 0) output.say(`${chosen.length} marked: ${decision}.`);
        };
        await decide(options.retry, 'retry');
        await decide(options.skip, 'skip');
        const failures = options.retry || options.skip ? await chartsync.runs.openFailures(connection.settings) : open;
        for (const failure of failures) output.emit('failure', failure);
        output.table(
          [
            'id',
            'code',
            isRecordConnection(connection) ? 'list' : 'patient',
            'reference',
            'tries',
            'state',
            'next try',
          ],
          failures.map((f) => [f.id, f.code, f.unit, f.reference, f.attempts, f.state, f.nextRetryAt ?? '']),
        );
        if (failures.length === 0) output.say('Nothing failed.');
        // Of a whole list there is more to say than its code, and it names nobody.
        for (const { id, operation, message } of failures) {
          if (operation === 'unit' && isRecordConnection(connection)) output.say(`${id}: ${message}`);
        }
        for (const code of new Set(failures.map((f) => f.code))) {
          const entry = ERROR_CATALOGUE[code];
          output.say(`${code}: ${entry.summary} ${entry.remedy}`);
        }
        return EXIT.done;
      }),
    );
}
