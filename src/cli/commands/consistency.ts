import type { Command } from 'commander';
import { checkConsistency } from '../../runs/check-consistency.ts';
import { isFileConnection } from '../../runs/connections.ts';
import { organizationNamed } from '../arguments.ts';
import type { CommandRunner } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

const PAGE = 1000;

export function registerConsistency(program: Command, runner: CommandRunner): void {
  program
    .command('consistency')
    .description('what the last comparison of all stores of an organisation found; the service makes one each night')
    .option('--run', 'make one now, or go on with the one that is open')
    .option('--organization <id>', 'needed when there are several')
    .action((options: { run?: boolean; organization?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const organizationId = organizationNamed(chartsync, options.organization);
        if (options.run === true) {
          const { consistencyPorts } = await import('../../main.ts');
          const end = await checkConsistency(consistencyPorts(chartsync, await chartsync.search()), {
            organizationId,
            connections: chartsync.connections
              .filter(isFileConnection)
              .filter((connection) => connection.organizationId === organizationId),
            until: Number.POSITIVE_INFINITY,
            samplePercent: chartsync.config.consistency.samplePercent,
            signal,
          });
          if (end === 'busy') {
            output.say('Another process is comparing now.');
            return EXIT.busy;
          }
        }
        const [report] = await chartsync.consistency.reports(organizationId, 1);
        if (report === undefined) {
          output.say('There was no comparison yet: chartsync consistency --run');
          return EXIT.done;
        }
        const rows: string[][] = [];
        for (let after = '0'; ; ) {
          const page = await chartsync.consistency.differences(organizationId, report.id, { after, limit: PAGE });
          for (const { id, ...difference } of page) {
            output.emit('difference', difference);
            const { kind, store, unit, reference, documentUuid, sha256, code, message } = difference;
            rows.push([`${kind} ${store}`, unit ?? '', reference ?? documentUuid ?? sha256 ?? '', code ?? '', message]);
            after = id;
          }
          if (page.length < PAGE) break;
        }
        output.emit('consistency', { organizationId, ...report });
        if (rows.length > 0) output.table(['difference', 'patient', 'item', 'code', 'what'], rows);
        output.say(
          `${report.finishedAt === null ? 'Not at its end' : `Ended ${report.finishedAt}`}: ${report.patients} patients, ` +
            `${report.documents} documents, ${report.sampled} of them read: ` +
            (rows.length === 0 ? 'no difference.' : `${rows.length} differences.`),
        );
        if (report.unlisted > 0) output.say(`${report.unlisted} more differences are not listed.`);
        if (report.unknown > 0) output.say(`${report.unknown} comparisons could not be made: a store did not answer.`);
        return rows.length === 0 && report.unknown === 0 ? EXIT.done : EXIT.partial;
      }),
    );
}
