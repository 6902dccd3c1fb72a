import type { Command } from 'commander';
import { isBookConnection, isFileConnection } from '../../runs/connections.ts';
import { verifyStores } from '../../runs/verify-stores.ts';
import { patientOf } from '../arguments.ts';
import { verifyBook } from '../book-report.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { verifyRecords } from '../record-report.ts';
import { sayMirrorLacks } from '../remote-documents.ts';
import { indexPortsOf } from '../search-index.ts';

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
        const { storePortsOf } = await import('../../main.ts');
        const stores = storePortsOf(chartsync, connection, await indexPortsOf(chartsync));
        const result = await verifyStores(
          connection,
          stores,
          { unit, content: options.content === true, signal },
          (difference) => {
            const { store, kind, unit: patient, reference, documentUuid, sha256, code, message } = difference;
            isBlobLost ||= store === 'blob' && kind !== 'surplus';
            output.emit('difference', difference);
            if (output.json) return;
            const item = reference ?? sha256 ?? (store === 'remote' ? null : documentUuid);
            rows.push([`${kind} ${store}`, patient ?? '', item ?? '', code ?? '', message]);
          },
        );
        const { differences, indexed, remote } = result;
        const lag = stores.mirror === null ? null : await chartsync.mirrorRecords.lag(connection.settings);
        const { mirrored: _, ...counts } = result;
        output.emit('verified', { ...counts, mirrorLacksCharacters: lag?.lacksCharacters ?? null });
        if (rows.length > 0) output.table(['difference', 'patient', 'item', 'code', 'what'], rows);
        output.say(
          `${result.sourceItems} files in the source, ${result.documents} documents, ${result.blobs} blobs` +
            `${indexed === null ? '' : `, ${indexed} documents in the index`}` +
            `${remote === null ? '' : `, ${remote} on the other machine`}: ` +
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
