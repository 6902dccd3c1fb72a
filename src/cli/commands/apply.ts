import type { Command } from 'commander';
import { toSyncError } from '../../domain/errors.ts';
import type { RecordDatabase } from '../../main.ts';
import { isBookConnection, isFileConnection } from '../../runs/connections.ts';
import { type CommandRunner, openConfigured, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export function registerApply(program: Command, runner: CommandRunner): void {
  program
    .command('apply')
    .description('check chartsync.yaml and make its organisations and connections known')
    .option('--dry-run', 'only check the file and the sources it names; tables of an earlier version are left alone')
    .action((options: { dryRun?: boolean }, command: Command) =>
      runner.run(command, async (output, signal, globals) => {
        const { config, database } = await openConfigured(runner, globals, output);
        const { applyConfiguration, areTablesOlder, openChartsync } = await import('../../main.ts');
        // There is no way back from an update but the backup: a check must not be one.
        if (options.dryRun && (await isOlder(database, areTablesOlder))) {
          throw new UsageError(
            'The tables of the record database are of an earlier version, and a check does not change them. Make a backup, then run "chartsync migrate" or leave --dry-run out.',
          );
        }
        const chartsync = await openChartsync(config, database);
        try {
          if (!options.dryRun) {
            const changes = await applyConfiguration(chartsync);
            for (const change of changes) output.emit('change', change);
            for (const change of changes) {
              output.say(
                `${change.change}: ${change.organizationId}${change.connectionId === null ? '' : `/${change.connectionId}`}`,
              );
            }
            if (changes.length === 0) output.say('Nothing changed.');
          }
          let failed = 0;
          for (const connection of chartsync.connections) {
            try {
              if (isBookConnection(connection)) {
                const { responseMs } = await connection.ports.source.check(signal);
                output.emit('checked', { connection: connection.id, source: 'ok', responseMs });
                output.say(`${connection.id}: the portal lets us in (${responseMs} ms).`);
                continue;
              }
              if (!isFileConnection(connection)) {
                const { responseMs, region } = await connection.ports.source.check(signal);
                output.emit('checked', { connection: connection.id, source: 'ok', region, responseMs });
                output.say(`${connection.id}: the source accepts the key (${region}, ${responseMs} ms).`);
                continue;
              }
              await connection.ports.source.check(signal);
              const mounted = (await connection.ports.share.probe(signal)) !== null;
              output.emit('checked', {
                connection: connection.id,
                source: 'ok',
                share: mounted ? 'ok' : 'unavailable',
              });
              output.say(
                `${connection.id}: the source fits its mapping; the share is ${mounted ? 'there.' : 'NOT there. Mount it, and check fileBasePath and shareMarker.'}`,
              );
              if (!mounted) failed++;
            } catch (error) {
              failed++;
              output.error(toSyncError(error), connection.id);
            }
          }
          return failed === 0 ? EXIT.done : EXIT.partial;
        } finally {
          await chartsync.close();
        }
      }),
    );

  program
    .command('migrate')
    .description('bring the tables of the record database up to date')
    .action((_options: object, command: Command) =>
      runner.run(command, async (output, _signal, globals) => {
        const { database } = await openConfigured(runner, globals, output);
        try {
          const { migrateDatabase } = await import('../../main.ts');
          const applied = await migrateDatabase(database.url);
          output.emit('migrated', { applied });
          output.say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}.`);
          return EXIT.done;
        } finally {
          await database.close();
        }
      }),
    );

  program
    .command('cleanup')
    .description('remove released contents, old runs and old tombstones whose time is over')
    .action((_options: object, command: Command) =>
      runner.run(command, async (output, _signal, globals) => {
        const { config, database } = await openConfigured(runner, globals, output);
        const { openChartsync, tidyOrganization } = await import('../../main.ts');
        const chartsync = await openChartsync(config, database);
        try {
          await chartsync.blobs.prepare();
          for (const organization of config.organizations) {
            const tidied = await tidyOrganization(chartsync, organization.id);
            output.emit('tidied', { organization: organization.id, ...tidied });
            output.say(
              `${organization.id}: removed ${tidied.blobs} contents, ${tidied.runs} runs, ${tidied.tombstones} tombstones, ${tidied.holds} holds.`,
            );
          }
          return EXIT.done;
        } finally {
          await chartsync.close();
        }
      }),
    );
}

/** Closes the database unless somebody goes on to use it. */
async function isOlder(database: RecordDatabase, areOlder: (url: string) => Promise<boolean>): Promise<boolean> {
  try {
    const older = await areOlder(database.url);
    if (older) await database.close();
    return older;
  } catch (error) {
    await database.close();
    throw error;
  }
}
