import type { Command } from 'commander';
import { verifyFiles } from '../../engine/files/verify-files.ts';
import { compareIndex } from '../../runs/compare-index.ts';
import { compareRemote } from '../../runs/compare-remote.ts';
import { isBookConnection, isFileConnection, isKeyOf } from '../../runs/connections.ts';
import { compareMirror } from '../../runs/mirror-tables.ts';
import { patientOf } from '../arguments.ts';
import { verifyBook } from '../book-report.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { verifyRecords } from '../record-report.ts';
import { mirrorDifference, remoteDifference, sayMirrorLacks } from '../remote-documents.ts';
import { indexPortsOf, storeDifference } from '../search-index.ts';

export function registerVerify(program: Command, runner: CommandRunner): void {
  program
    .command('verify')
    .description('compare source, records, blobs and search index again and print every difference; changes nothing')
    .argument('<connection>', 'id of the connection')
    .option('--content', 'also read and hash every file and blob')
    .option('--patient <uuid>', 'only this patient')
    .action((name: string, options: { content?: boolean; patient?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const connection = connectionNamed(chartsync, name);
        const unit = patientOf(options.patient);
        if (!isFileConnection(connection)) {
          if (unit !== null || options.content === true) {
            throw new UsageError('--patient and --content are for connections that copy files.');
          }
          if (isBookConnection(connection)) return verifyBook({ output, connection, signal });
          return verifyRecords({ output, connection, signal });
        }
        const rows: string[][] = [];
        let isBlobLost = false;
        const result = await verifyFiles(
          connection.ports,
          connection.settings,
          { content: options.content === true, signal, ...(unit === null ? {} : { unit }) },
          (difference) => {
            isBlobLost ||= difference.store === 'blob' && difference.kind !== 'surplus';
            output.emit('difference', difference);
            if (!output.json) {
              rows.push([
                `${difference.kind} ${difference.store}`,
                difference.unit ?? '',
                difference.reference ?? difference.sha256 ?? '',
                difference.code ?? '',
                difference.message,
              ]);
            }
          },
        );
        const ports = await indexPortsOf(chartsync);
        const scope = { organizationId: connection.organizationId, patientUuid: unit, signal };
        const index = ports === null ? null : await compareIndex(ports, scope);
        for (const difference of index?.differences ?? []) {
          output.emit('difference', storeDifference(difference));
          const { kind, patientUuid, documentUuid, message } = difference;
          rows.push([`${kind} index`, patientUuid, documentUuid, '', message]);
        }
        const key = connection.settings;
        const { remotePortsOf } = await import('../../main.ts');
        const elsewhere = remotePortsOf(chartsync, connection);
        const remote = elsewhere === null ? null : await compareRemote(elsewhere, { key, unit, signal });
        for (const difference of remote?.differences ?? []) {
          output.emit('difference', remoteDifference(difference));
          const { kind, patientUuid, reference, message } = difference;
          rows.push([`${kind} remote`, patientUuid, reference ?? '', '', message]);
        }
        const mirror = chartsync.mirrors.find((it) => isKeyOf(connection, it.key));
        const copied = mirror === undefined ? [] : await compareMirror(chartsync.mirrorRecords, mirror, signal);
        for (const difference of copied) {
          output.emit('difference', mirrorDifference(difference));
          rows.push([
            `${difference.kind} mirror`,
            difference.patientUuid,
            difference.documentUuid,
            '',
            difference.message,
          ]);
        }
        const lag = mirror === undefined ? null : await chartsync.mirrorRecords.lag(mirror.key);
        const differences =
          result.differences + (index?.differences.length ?? 0) + (remote?.differences.length ?? 0) + copied.length;
        const counts = {
          indexed: index?.entries ?? null,
          remote: remote?.documents ?? null,
          mirrorLacksCharacters: lag?.lacksCharacters ?? null,
        };
        output.emit('verified', { ...result, differences, ...counts });
        if (rows.length > 0) output.table(['difference', 'patient', 'item', 'code', 'what'], rows);
        output.say(
          `${result.sourceItems} files in the source, ${result.documents} documents, ${result.blobs} blobs` +
            `${index === null ? '' : `, ${index.entries} documents in the index`}` +
            `${remote === null ? '' : `, ${remote.documents} on the other machine`}: ` +
            (differences === 0 ? 'no difference.' : `${differences} differences.`),
        );
        if (isBlobLost) {
          const command = `chartsync repair ${name}${options.content === true ? ' --content' : ''}`;
          output.say(
            `Blobs that are lost or damaged: "${command} --plan" says how each is mended, --apply mends them.`,
          );
        }
        if (lag !== null) sayMirrorLacks(output, connection.id, lag);
        if (!result.complete)
          output.say('The source could not be read completely, so nothing is said about what it lacks.');
        return differences === 0 ? EXIT.done : EXIT.partial;
      }),
    );
}
