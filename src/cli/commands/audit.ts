import type { Command } from 'commander';
import type { ChainPoint } from '../../domain/audit-chain.ts';
import { organizationNamed } from '../arguments.ts';
import { type CommandRunner, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export function registerAudit(program: Command, runner: CommandRunner): void {
  const audit = program.command('audit').description('the log of who did what');

  audit
    .command('verify')
    .description('compute the chain again: nothing was changed, removed or inserted')
    .option('--anchor <id:hash>', 'an end that an earlier verify told: also a log written anew is noticed')
    .action((options: { anchor?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const anchor = options.anchor === undefined ? undefined : anchorOf(options.anchor);
        const verdict = await chartsync.audit.verify({ signal, ...(anchor === undefined ? {} : { anchor }) });
        for (const problem of verdict.problems) output.emit('problem', problem);
        output.emit('verified', { entries: verdict.entries, end: verdict.end, problems: verdict.problems.length });
        output.table(
          ['entry', 'problem'],
          verdict.problems.map(({ id, kind }) => [id, kind]),
        );
        output.say(
          verdict.problems.length === 0
            ? `${verdict.entries} entries, and the chain holds. Keep this elsewhere: --anchor ${verdict.end.id}:${verdict.end.hash}`
            : `${verdict.entries} entries. The chain does not hold: somebody changed the log.`,
        );
        return verdict.problems.length === 0 ? EXIT.done : EXIT.partial;
      }),
    );

  audit
    .command('export')
    .description('all entries, oldest first, one JSON text per line')
    .option('--organization <id>', 'only those of one organisation')
    .option('--since <instant>', 'such as 2026-01-01 or 2026-01-01T08:00:00Z, inclusive')
    .option('--until <instant>', 'exclusive')
    .action((options: { organization?: string; since?: string; until?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, signal }) => {
        const query = {
          ...(options.organization === undefined
            ? {}
            : { organizationId: organizationNamed(chartsync, options.organization) }),
          ...(options.since === undefined ? {} : { since: instantOf('--since', options.since) }),
          ...(options.until === undefined ? {} : { until: instantOf('--until', options.until) }),
        };
        for await (const entry of chartsync.audit.read(query, signal))
          runner.streams.out.write(`${JSON.stringify(entry)}\n`);
        return EXIT.done;
      }),
    );
}

function anchorOf(text: string): ChainPoint {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null) throw new UsageError('--anchor wants what "audit verify" told: an id, a colon and a hash.');
  return { id: Number(match[1]), hash: match[2]! };
}

function instantOf(option: string, text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new UsageError(`${option} wants an instant such as 2026-01-01T08:00:00Z, not "${text}".`);
  return at;
}
