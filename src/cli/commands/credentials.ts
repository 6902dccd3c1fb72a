import type { Command } from 'commander';
import { auditEntry } from '../../access/audit.ts';
import { type Connection, CREDENTIAL_FIELDS, credentialsFor } from '../../runs/connections.ts';
import { type CommandRunner, connectionNamed, type Surroundings, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { actorOf, personOf } from '../person.ts';

/** The credentials of connections: they can be stored and replaced, not shown. */
export function registerCredentials(program: Command, runner: CommandRunner): void {
  const credentials = program
    .command('credentials')
    .description('user name and password, or key, of a connection, stored sealed; they are never shown');

  const entry = (key: { organizationId: string; connectionId: string }, action: string, details = {}) =>
    auditEntry({
      organizationId: key.organizationId,
      actor: actorOf(runner.env),
      action,
      subject: { kind: 'connection', id: key.connectionId },
      details,
    });

  credentials
    .command('set')
    .description(
      'store them, read from standard input: {"username": "…", "password": "…"}, for Cliniko {"apiKey": "…"}, ' +
        'for IDEXX {"companyId": "…", "username": "…", "password": "…"}',
    )
    .argument('<connection>', 'id of the connection')
    .action((name: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const connection = connectionNamed(chartsync, name);
        const { organizationId, id } = connection;
        const key = { organizationId, connectionId: id };
        const given = readCredentials(connection, await textOf(runner.streams, shapeFor(connection)));
        const done = await chartsync.credentials.put(key, given, personOf(runner.env), entry(key, 'credentials.put'));
        if (!done) throw new UsageError(`${id} is not known yet: run "chartsync apply" first.`);
        output.emit('stored', { connection: id, keyId: chartsync.credentials.keyId });
        output.say(`Stored. The next run of ${id} uses them.`);
        return EXIT.done;
      }),
    );

  credentials
    .command('show')
    .description('whether there are any, since when and by whom')
    .argument('<connection>', 'id of the connection')
    .action((name: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const { organizationId, id } = connectionNamed(chartsync, name);
        const found = await chartsync.credentials.presence({ organizationId, connectionId: id });
        output.emit('credentials', { connection: id, stored: found !== null, ...found });
        output.say(
          found === null
            ? `No credentials of ${id} are stored.`
            : `Stored ${found.updatedAt} by ${found.updatedBy}; the configured encryption keys ${found.readable ? 'open' : 'do NOT open'} them.`,
        );
        return EXIT.done;
      }),
    );

  credentials
    .command('remove')
    .description('forget them')
    .argument('<connection>', 'id of the connection')
    .action((name: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const { organizationId, id } = connectionNamed(chartsync, name);
        const key = { organizationId, connectionId: id };
        const removed = await chartsync.credentials.remove(key, entry(key, 'credentials.remove'));
        if (!removed) throw new UsageError(`No credentials of ${id} are stored.`);
        output.emit('removed', { connection: id });
        output.say('Removed.');
        return EXIT.done;
      }),
    );

  program.commands
    .find((command) => command.name() === 'key')!
    .command('rotate-encryption')
    .description('seal all stored credentials and secrets with the present CHARTSYNC_ENCRYPTION_KEY')
    .action((_options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const { sealed, unreadable } = await chartsync.credentials.rotate(
          (key, from) => entry(key, 'credentials.rotate', { from, to: chartsync.credentials.keyId ?? '' }),
          signal,
        );
        const alerts = await chartsync.alertSecrets.rotate();
        output.emit('rotated', { sealed, unreadable, alerts, keyId: chartsync.credentials.keyId });
        output.say(
          `${sealed + alerts.sealed} sealed with the present key. The former one is not needed for them any more.`,
        );
        for (const id of alerts.unreadable) {
          output.say(
            `${id}: its secret was sealed with a key that is not configured; remove the alert and add it again.`,
          );
        }
        for (const { organizationId, connectionId } of unreadable) {
          output.say(`${organizationId}/${connectionId}: sealed with a key that is not configured; store them again.`);
        }
        return unreadable.length + alerts.unreadable.length === 0 ? EXIT.done : EXIT.partial;
      }),
    );
}

/** @throws UsageError, which must not quote what was given */
function readCredentials(connection: Connection, text: string): Record<string, string> {
  let given: unknown = null;
  try {
    given = JSON.parse(text);
  } catch {
    // Told below: the text itself is secret.
  }
  const credentials = credentialsFor(connection, given);
  if (credentials === null) throw new UsageError(`Give ${shapeFor(connection)} on standard input.`);
  return credentials;
}

function shapeFor(connection: Connection): string {
  return `{${CREDENTIAL_FIELDS[connection.connector].map((name) => `"${name}": "…"`).join(', ')}}`;
}

async function textOf({ input, err }: Surroundings['streams'], shape: string): Promise<string> {
  const stream = input();
  if (stream.isTTY) err.write(`${shape}, then Ctrl-D:\n`);
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
