import type { Command } from 'commander';
import { auditEntry } from '../../access/audit.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { MigrationResult } from '../../ports/fileset-migrations.ts';
import { organizationNamed } from '../arguments.ts';
import { type CommandContext, type CommandRunner, UsageError } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { actorOf, personOf } from '../person.ts';

interface Options {
  readonly organization?: string;
  readonly from?: string;
  readonly to?: string;
  readonly document?: readonly string[];
  readonly plan?: boolean;
  readonly apply?: boolean;
  readonly undo?: string;
}

export function registerMigrateDocuments(program: Command, runner: CommandRunner): void {
  program
    .command('migrate-documents')
    .description('move documents of a patient whom the source booked anew to the new fileset')
    .option('--organization <id>', 'needed when there are several')
    .option('--from <uuid>', 'the former patient')
    .option('--to <uuid>', 'the new patient')
    .option('--document <uuid...>', 'only these documents; default: all')
    .option('--plan', 'print what would be done; changes nothing')
    .option('--apply', 'do it; runs neither bring back nor double what was moved')
    .option('--undo <migration>', 'take a migration back')
    .action((options: Options, command: Command) =>
      runner.runOpened(command, (context) => {
        const ways = [options.plan === true, options.apply === true, options.undo !== undefined];
        if (ways.filter(Boolean).length !== 1) {
          throw new UsageError('Say either --plan, --apply or --undo <migration>.');
        }
        const organizationId = organizationNamed(context.chartsync, options.organization);
        return options.undo === undefined
          ? migrate(context, runner, organizationId, options)
          : undo(context, runner, organizationId, options.undo);
      }),
    );
}

async function migrate(
  { chartsync, output }: CommandContext,
  { env }: CommandRunner,
  organizationId: string,
  options: Options,
): Promise<ExitCode> {
  const from = uuidOf('--from', options.from);
  const to = uuidOf('--to', options.to);
  if (from === to) throw new UsageError('--from and --to name the same patient.');
  const documentUuids = options.document?.map((text) => uuidOf('--document', text)) ?? null;
  const request = { organizationId, from, to, documentUuids };
  if (options.plan === true) {
    const plan = await chartsync.migrations.plan(request);
    if (plan === null) throw noPatient();
    output.emit('plan', { ...request, ...plan });
    output.say(`${plan.documentUuids.length} documents would move, ${sentence(plan)}`);
    return plan.conflicts.length === 0 ? EXIT.done : EXIT.partial;
  }
  const result = await chartsync.migrations.apply(request, `command line ${personOf(env)}`, (done, id) =>
    auditEntry({
      organizationId,
      actor: actorOf(env),
      action: 'documents.migrate',
      subject: { kind: 'patient', id: from },
      details: { to, documents: done.documentUuids.length, migration: id },
    }),
  );
  if (result === null) throw noPatient();
  output.emit('migrated', { ...request, ...result, migrationId: result.id });
  output.say(`${result.documentUuids.length} documents moved, ${sentence(result)}`);
  if (result.id !== null) output.say(`To take it back: chartsync migrate-documents --undo ${result.id}`);
  return result.conflicts.length === 0 ? EXIT.done : EXIT.partial;
}

async function undo(
  { chartsync, output }: CommandContext,
  { env }: CommandRunner,
  organizationId: string,
  id: string,
): Promise<ExitCode> {
  const result = await chartsync.migrations.undo(organizationId, id, null, `command line ${personOf(env)}`, (done) =>
    auditEntry({
      organizationId,
      actor: actorOf(env),
      action: 'documents.migrate_undo',
      details: { migration: id, documents: done.documentUuids.length },
    }),
  );
  if (result === 'unknown') throw new UsageError(`There is no migration "${id}" whose filesets are both there.`);
  if (result === 'undone') {
    output.say('This migration was undone before.');
    return EXIT.done;
  }
  output.emit('undone', { organizationId, migrationId: id, ...result });
  output.say(`${result.documentUuids.length} documents went back, ${sentence(result)}`);
  return result.conflicts.length === 0 ? EXIT.done : EXIT.partial;
}

function sentence({ conflicts, sameContent, counts: { from, to } }: MigrationResult): string {
  const reasons = Object.entries(Object.groupBy(conflicts, ({ reason }) => reason))
    .map(([reason, list]) => `${list.length} ${reason}`)
    .join(', ');
  return (
    `${conflicts.length} stay${reasons === '' ? '' : ` (${reasons})`}, ${sameContent} have a content that is there already. ` +
    `The one patient has ${from.before} documents → ${from.after}, the other ${to.before} → ${to.after}.`
  );
}

function uuidOf(option: string, text: string | undefined): string {
  const uuid = text === undefined ? null : normaliseUuid(text);
  if (uuid === null) throw new UsageError(`${option} wants a UUID, such as 123e4567-e89b-42d3-a456-426614174000.`);
  return uuid;
}

function noPatient(): UsageError {
  return new UsageError('One of the two patients has no fileset in this organisation.');
}
