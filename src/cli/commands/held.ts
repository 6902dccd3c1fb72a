import type { Command } from 'commander';
import { SyncError } from '../../domain/errors.ts';
import type { Chartsync } from '../../main.ts';
import type { HeldSet } from '../../ports/run-store.ts';
import { applyHeld } from '../../runs/sync-service.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { auditedCommand, personOf } from '../person.ts';
import { reportRun } from '../run-report.ts';

export function registerHeld(program: Command, runner: CommandRunner): void {
  const held = program.command('held').description('deletions that the deletion guard held back for a person');

  held
    .command('list')
    .description('the held sets, or the items of one')
    .argument('[set]', 'id of a set')
    .option('--all', 'also those that are decided')
    .action((id: string | undefined, options: { all?: boolean }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        if (id !== undefined) {
          const { set, items } = await setNamed(chartsync, id);
          output.emit('set', set);
          output.say(`${set.id} (${set.state}): ${set.reason}`);
          for (const item of items) output.emit('item', item);
          output.table(
            ['document', 'patient', 'reference', 'absence', 'state'],
            items.map((item) => [item.documentUuid, item.unit, item.reference, item.absence, item.state]),
          );
          return EXIT.done;
        }
        const sets = (await Promise.all(organizationsOf(chartsync).map((o) => chartsync.runs.heldSets(o))))
          .flat()
          .filter((set) => options.all || set.state === 'pending' || set.state === 'approved');
        for (const set of sets) output.emit('set', set);
        output.table(
          ['set', 'connection', 'state', 'items', 'since', 'reason'],
          sets.map((set) => [set.id, set.connectionId, set.state, set.itemCount, set.createdAt, set.reason]),
        );
        output.say(
          sets.length === 0
            ? 'Nothing is held.'
            : 'See the items: chartsync held list <set>. Then: chartsync held approve <set> or chartsync held reject <set>.',
        );
        return EXIT.done;
      }),
    );

  held
    .command('approve')
    .description('remove exactly what a held set names; each item is looked up in the source once more')
    .argument('<set>', 'id of the set')
    .option('--note <text>', 'why')
    .action((id: string, options: { note?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const { set } = await setNamed(chartsync, id);
        const connection = connectionNamed(chartsync, `${set.organizationId}/${set.connectionId}`);
        // A set that was approved before a crash is applied by approving it again.
        if (set.state !== 'approved') await decide(chartsync, set, true, runner.env, options.note);
        const result = await applyHeld(connection, { setId: id, signal });
        return reportRun(output, connection.id, result);
      }),
    );

  held
    .command('reject')
    .description('keep what a held set names although the source lost them')
    .argument('<set>', 'id of the set')
    .option('--note <text>', 'why')
    .action((id: string, options: { note?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const { set } = await setNamed(chartsync, id);
        await decide(chartsync, set, false, runner.env, options.note);
        output.emit('rejected', { set: id, items: set.itemCount });
        output.say(`${set.itemCount} items are kept.`);
        return EXIT.done;
      }),
    );
}

function organizationsOf(chartsync: Chartsync): string[] {
  return chartsync.config.organizations.map((organization) => organization.id);
}

async function setNamed(chartsync: Chartsync, id: string) {
  for (const organizationId of organizationsOf(chartsync)) {
    const found = await chartsync.runs.heldSet(organizationId, id);
    if (found !== null) return found;
  }
  throw new UsageError(`There is no held set ${id}. See "chartsync held list".`);
}

async function decide(
  chartsync: Chartsync,
  set: HeldSet,
  approve: boolean,
  env: CommandRunner['env'],
  note: string | undefined,
): Promise<void> {
  const { organizationId, id } = set;
  const decision = { approve, by: personOf(env), note: note ?? null };
  const deed = {
    organizationId,
    action: approve ? 'held.approve' : 'held.reject',
    subject: { kind: 'held_set', id },
    details: { items: set.itemCount },
  };
  const decided = () => chartsync.runs.decideHeldSet(organizationId, id, decision, Date.now());
  const done = await auditedCommand(chartsync, env, deed, decided, (was) => ({ details: { decided: was } }));
  if (!done) throw new SyncError('plan_stale', { detail: `The set is ${set.state}, not pending.` });
}
