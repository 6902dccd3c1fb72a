import type { Command } from 'commander';
import { toSyncError } from '../../domain/errors.ts';
import type { Chartsync } from '../../main.ts';
import { compareIndex } from '../../runs/compare-index.ts';
import { compareRemote, type RemotePorts, repairRemote } from '../../runs/compare-remote.ts';
import { isKeyOf } from '../../runs/connections.ts';
import { compareMirror, repairMirror } from '../../runs/mirror-tables.ts';
import { rebuildIndex } from '../../runs/rebuild-index.ts';
import { repairIndex } from '../../runs/repair-index.ts';
import { ofPatient } from '../../runs/verify-stores.ts';
import { organizationNamed, patientOf } from '../arguments.ts';
import { lookAtBlobs, repairBlobs, tellBlobs } from '../blob-repair.ts';
import { type CommandRunner, fileConnectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { auditedCommand } from '../person.ts';
import { indexPortsOf, neededIndexPortsOf } from '../search-index.ts';
import { presentStrays, releaseStray, type StrayBlob, strayDifference, tellStrays } from '../stray-blobs.ts';

const TELL_EVERY = 500;

interface RepairOptions {
  readonly plan?: boolean;
  readonly apply?: boolean;
  readonly releaseBlobs?: boolean;
  readonly content?: boolean;
  readonly mostAreLost?: boolean;
  readonly patient?: string;
  readonly organization?: string;
}

export function registerRepair(program: Command, runner: CommandRunner): void {
  program
    .command('repair')
    .description('bring blobs and search index, or the document service on another machine, to what the records say')
    .argument('[connection]', 'id of the connection; index and blobs of its organisation are repaired')
    .option('--organization <id>', 'instead of a connection: only index and blobs of this organisation')
    .option('--plan', 'print what would be done; changes nothing')
    .option('--apply', 'do it; each item is looked at again at that moment')
    .option(
      '--release-blobs',
      'with --apply: also give up blobs that no record knows; after a restore they may be the only copy',
    )
    .option('--content', 'also read and hash every blob, for those that are damaged in the same size')
    .option('--most-are-lost', 'the blob store is the right one, although most of its blobs are not there')
    .option('--patient <uuid>', 'only this patient')
    .action((name: string | undefined, options: RepairOptions, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        if ((options.plan === true) === (options.apply === true)) throw new UsageError('Say either --plan or --apply.');
        if (options.releaseBlobs === true && options.apply !== true) {
          throw new UsageError('--release-blobs changes something: say it with --apply.');
        }
        if (options.releaseBlobs === true && options.patient !== undefined) {
          throw new UsageError('Blobs that no record knows are of no patient: leave out --patient or --release-blobs.');
        }
        if (name !== undefined && options.organization !== undefined) {
          throw new UsageError('Name a connection, or an organisation with --organization.');
        }
        const connection = name === undefined ? null : fileConnectionNamed(chartsync, name, 'repair');
        const organizationId = connection?.organizationId ?? organizationNamed(chartsync, options.organization);
        const patientUuid = patientOf(options.patient);
        const { remotePortsOf } = await import('../../main.ts');
        const elsewhere = connection === null ? null : remotePortsOf(chartsync, connection);
        if (elsewhere !== null && options.releaseBlobs === true) {
          throw new UsageError(
            'The documents of this connection are on another machine: name the organisation with --organization to release blobs.',
          );
        }
        const { content = false, mostAreLost = false } = options;
        const blobScope = { organizationId, patientUuid, content, mostAreLost, signal };
        const found = await lookAtBlobs(chartsync, blobScope);
        let left = found.differences.length;
        if (options.plan === true) tellBlobs(output, chartsync, blobScope, found.differences);
        else left = await repairBlobs({ chartsync, env: runner.env, output, scope: blobScope, ...found });
        if (connection !== null && elsewhere !== null) {
          const scope = { key: connection.settings, unit: patientUuid, signal };
          const code = await repairElsewhere({
            chartsync,
            output,
            ports: elsewhere,
            scope,
            apply: options.apply === true,
          });
          return left > 0 && code === EXIT.done ? EXIT.partial : code;
        }
        const mirror = chartsync.mirrors.find((it) => connection !== null && isKeyOf(connection, it.key));
        if (mirror !== undefined && options.apply === true) {
          const { mirrorRecords } = chartsync;
          const unlike = await compareMirror(mirrorRecords, mirror, signal);
          const details = { differences: unlike.length };
          await auditedCommand(chartsync, runner.env, { organizationId, action: 'mirror.repair', details }, () =>
            repairMirror(mirrorRecords, mirror, unlike, signal),
          );
          for (const difference of unlike)
            output.emit('repaired', { ...ofPatient('mirror', difference), result: 'written' });
          output.say(`${unlike.length} differences of the mirrored tables were written again.`);
        }
        const strays = await presentStrays(chartsync, organizationId, found.strays, signal);
        const isReleasing = options.apply === true && options.releaseBlobs === true;
        if (isReleasing) await repairStrays({ chartsync, output, organizationId, strays });
        else tellStrays(output, strays);
        if (!isReleasing) left += strays.length;
        const ports = await indexPortsOf(chartsync);
        if (ports === null) return left === 0 ? EXIT.done : EXIT.partial;
        const { entries, differences } = await compareIndex(ports, { organizationId, patientUuid, signal });
        if (options.plan === true) {
          for (const difference of differences) output.emit('difference', ofPatient('index', difference));
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
          return differences.length + left === 0 ? EXIT.done : EXIT.partial;
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
              output.emit('repaired', { ...ofPatient('index', difference), result });
            }
          },
        );
        output.say(
          `${differences.length} differences: ${counts.asked} documents are worked on by the service, ` +
            `${counts.removed} taken out of the index, ${counts.settled} were right by then.`,
        );
        return left === 0 ? EXIT.done : EXIT.partial;
      }),
    );

  async function repairStrays(repair: {
    chartsync: Chartsync;
    output: Output;
    organizationId: string;
    strays: readonly StrayBlob[];
  }) {
    const { chartsync, output, organizationId, strays } = repair;
    if (strays.length === 0) return;
    const deed = { organizationId, action: 'blobs.repair', details: { differences: strays.length } };
    let released = 0;
    await auditedCommand(chartsync, runner.env, deed, async () => {
      for (const stray of strays) {
        const result = await releaseStray(chartsync, organizationId, stray);
        if (result === 'released') released++;
        output.emit('repaired', { ...strayDifference(stray), result });
      }
    });
    output.say(
      `${released} of ${strays.length} blobs that no record knows are released: the clean-up removes them after retention.releasedBlobs.`,
    );
  }

  async function repairElsewhere(repair: {
    chartsync: Chartsync;
    output: Output;
    ports: RemotePorts;
    scope: Parameters<typeof compareRemote>[1];
    apply: boolean;
  }) {
    const { chartsync, output, ports, scope, apply } = repair;
    const { documents, differences } = await compareRemote(ports, scope);
    if (!apply) {
      for (const difference of differences) output.emit('difference', ofPatient('remote', difference));
      output.table(
        ['difference', 'patient', 'reference', 'what would be done'],
        differences.map(({ kind, patientUuid, reference, documentUuid }) => [
          `${kind} remote`,
          patientUuid,
          reference ?? '',
          reference === null || documentUuid === null
            ? 'nothing: look there'
            : kind === 'surplus'
              ? 'try again to remove it'
              : 'send it again',
        ]),
      );
      output.say(`${documents} documents on the other machine, ${differences.length} differences.`);
      return differences.length === 0 ? EXIT.done : EXIT.partial;
    }
    const { organizationId } = scope.key;
    const counts = { asked: 0, left: 0 };
    const deed = { organizationId, action: 'remote.repair', details: { differences: differences.length } };
    await auditedCommand(chartsync, runner.env, deed, async () => {
      for (const difference of differences) {
        const result = await repairRemote(ports, scope.key, difference);
        counts[result]++;
        output.emit('repaired', { ...ofPatient('remote', difference), result });
      }
    });
    output.say(
      `${differences.length} differences: ${counts.asked} documents are sent again by the service or the next run, ` +
        `${counts.left} are left for a person.`,
    );
    return counts.left === 0 ? EXIT.done : EXIT.partial;
  }

  program
    .command('rebuild-index')
    .description('fill the search index anew; searches, runs and documents go on meanwhile')
    .option('--organization <id>', 'this one, or --all, is needed when there are several')
    .option('--all', 'every organisation, one after another')
    .option('--patient <uuid>', 'only this patient')
    .action((options: { organization?: string; all?: boolean; patient?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const { all = false } = options;
        if (all && (options.organization !== undefined || options.patient !== undefined)) {
          throw new UsageError('--all is for every organisation and every patient.');
        }
        const organizations = all
          ? chartsync.config.organizations.map((organization) => organization.id)
          : [organizationNamed(chartsync, options.organization)];
        const patientUuid = patientOf(options.patient);
        if (all) await chartsync.takeSearchHome();
        const ports = { ...(await neededIndexPortsOf(chartsync)), blobs: chartsync.blobs };
        let failures = 0;
        // The others have their documents in the former place as well.
        const failed = (organizationId: string) => (error: unknown) => {
          if (signal.aborted) throw error;
          failures++;
          const { code, message, remedy } = toSyncError(error);
          output.emit('failed', { organizationId, code, message, remedy });
          output.say(`The index of ${organizationId} could not be rebuilt: ${message} ${remedy}`);
          return null;
        };
        for (const organizationId of organizations) {
          const subject = patientUuid === null ? {} : { subject: { kind: 'patient', id: patientUuid } };
          const deed = { organizationId, action: 'index.rebuild', ...subject };
          const scope = { organizationId, patientUuid, signal };
          const tell = (documents: number) => {
            if (documents % TELL_EVERY === 0) output.emit('progress', { organizationId, documents });
          };
          const rebuilding = auditedCommand(chartsync, runner.env, deed, () => rebuildIndex(ports, scope, tell));
          const counts = all ? await rebuilding.catch(failed(organizationId)) : await rebuilding;
          if (counts === null) continue;
          output.emit('rebuilt', { organizationId, patientUuid, ...counts });
          const whose = organizations.length === 1 ? '' : ` of ${organizationId}`;
          output.say(`The index${whose} has ${counts.documents} documents, ${counts.passages} passages.`);
          if (counts.again > 0)
            output.say(`The stored text of ${counts.again} documents is lost: the service reads them again.`);
        }
        if (failures > 0 && failures === organizations.length) return EXIT.failed;
        return failures === 0 ? EXIT.done : EXIT.partial;
      }),
    );
}
