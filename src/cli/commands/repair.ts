import type { Command } from 'commander';
import { compareIndex } from '../../runs/compare-index.ts';
import { rebuildIndex } from '../../runs/rebuild-index.ts';
import { repairIndex } from '../../runs/repair-index.ts';
import { organizationNamed, patientOf } from '../arguments.ts';
import { type CommandRunner, fileConnectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { auditedCommand } from '../person.ts';
import { neededIndexPortsOf, storeDifference } from '../search-index.ts';

export function registerRepair(program: Command, runner: CommandRunner): void {
  program
    .command('repair')
    .description('bring the search index to what the records say')
    .argument('<connection>', 'id of the connection; the index of its organisation is repaired')
    .option('--plan', 'print what would be done; changes nothing')
    .option('--apply', 'do it; each item is looked at again at that moment')
    .option('--patient <uuid>', 'only this patient')
    .action((name: string, options: { plan?: boolean; apply?: boolean; patient?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        if ((options.plan === true) === (options.apply === true)) throw new UsageError('Say either --plan or --apply.');
        const { organizationId } = fileConnectionNamed(chartsync, name, 'repair');
        const patientUuid = patientOf(options.patient);
        const ports = await neededIndexPortsOf(chartsync);
        const { entries, differences } = await compareIndex(ports, { organizationId, patientUuid, signal });
        if (options.plan === true) {
          for (const difference of differences) output.emit('difference', storeDifference(difference));
          output.table(
            ['difference', 'patient', 'document', 'what would be done'],
            differences.map(({ kind, patientUuid: patient, documentUuid }) => [
              `${kind} index`,
              patient,
              documentUuid,
              kind === 'surplus' ? 'take it out of the index' : 'index it again',
            ]),
          );
          output.say(`${entries} documents in the index, ${differences.length} differences.`);
          return differences.length === 0 ? EXIT.done : EXIT.partial;
        }
        const counts = { asked: 0, removed: 0, settled: 0 };
        await auditedCommand(
          chartsync,
          runner.env,
          { organizationId, action: 'index.repair', details: { differences: differences.length } },
          async () => {
            for (const difference of differences) {
              const result = await repairIndex(ports, { organizationId, signal }, difference);
              counts[result]++;
              output.emit('repaired', { ...storeDifference(difference), result });
            }
          },
        );
        output.say(
          `${differences.length} differences: ${counts.asked} documents are worked on by the service, ` +
            `${counts.removed} taken out of the index, ${counts.settled} were right by then.`,
        );
        return EXIT.done;
      }),
    );

  program
    .command('rebuild-index')
    .description('fill the search index anew; searches, runs and documents go on meanwhile')
    .option('--organization <id>', 'needed when there are several')
    .option('--patient <uuid>', 'only this patient')
    .action((options: { organization?: string; patient?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const organizationId = organizationNamed(chartsync, options.organization);
        const patientUuid = patientOf(options.patient);
        const ports = { ...(await neededIndexPortsOf(chartsync)), blobs: chartsync.blobs };
        const counts = await auditedCommand(
          chartsync,
          runner.env,
          {
            organizationId,
            action: 'index.rebuild',
            ...(patientUuid === null ? {} : { subject: { kind: 'patient', id: patientUuid } }),
          },
          () => rebuildIndex(ports, { organizationId, patientUuid, signal }),
        );
        output.emit('rebuilt', { organizationId, patientUuid, ...counts });
        output.say(`The index has ${counts.documents} documents, ${counts.passages} passages.`);
        return EXIT.done;
      }),
    );
}
