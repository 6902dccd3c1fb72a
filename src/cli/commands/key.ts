import { type Command, Option } from 'commander';
import { stateOf } from '../../access/api-keys.ts';
import { auditEntry } from '../../access/audit.ts';
import { parseDuration } from '../../config/quantity.ts';
import type { AuditDetails } from '../../domain/audit-entry.ts';
import { isScope, ROLES, type Role, SCOPES, type Scope, scopesOfRole } from '../../domain/scopes.ts';
import type { Chartsync } from '../../main.ts';
import type { ApiKey } from '../../ports/key-store.ts';
import { organizationNamed } from '../arguments.ts';
import { type CommandRunner, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { actorOf, personOf } from '../person.ts';

interface CreateOptions {
  readonly organization?: string;
  readonly name: string;
  readonly role?: Role;
  readonly scope?: readonly string[];
  readonly expires: string;
}

const YEAR = '365d';

export function registerKey(program: Command, runner: CommandRunner): void {
  const key = program.command('key').description('API keys of organisations');
  const organization = () => new Option('--organization <id>', 'needed when several are configured');

  function entry(organizationId: string, action: string, id: string, details: AuditDetails = {}) {
    const subject = { kind: 'key', id };
    return auditEntry({ organizationId, actor: actorOf(runner.env), action, subject, details });
  }

  key
    .command('create')
    .description('make a key; its secret is shown once')
    .addOption(organization())
    .requiredOption('--name <text>', 'what it is for; not a person')
    .addOption(new Option('--role <role>', 'stands for a set of scopes').choices(ROLES))
    .option('--scope <scope...>', `instead of a role: ${SCOPES.join(', ')}`)
    .option('--expires <time>', 'such as 90d, or never', YEAR)
    .action((options: CreateOptions, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const organizationId = organizationNamed(chartsync, options.organization);
        const scopes = scopesOf(options);
        const issued = await chartsync.keys.issue(
          { organizationId, name: options.name, scopes, expiresAt: expiry(options.expires), by: personOf(runner.env) },
          (id) => entry(organizationId, 'key.create', id, { scopes: scopes.join(' ') }),
        );
        return tellIssued(output, issued.key, issued.text);
      }),
    );

  key
    .command('list')
    .description('the keys of an organisation, without their secrets')
    .addOption(organization())
    .action((options: { organization?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const keys = await chartsync.keys.list(organizationNamed(chartsync, options.organization));
        for (const one of keys) output.emit('key', { ...one, state: stateOf(one, Date.now()) });
        output.table(
          ['key', 'name', 'state', 'scopes', 'expires', 'last used'],
          keys.map((one) => [
            one.id,
            one.name,
            stateOf(one, Date.now()),
            one.scopes.join(' '),
            one.expiresAt ?? 'never',
            one.lastUsedAt ?? 'never',
          ]),
        );
        if (keys.length === 0) output.say('There is no key. Make one with "chartsync key create".');
        return EXIT.done;
      }),
    );

  key
    .command('rotate')
    .description('make a key with the same name and scopes; the old one stays valid for a while')
    .argument('<key>', 'id of the key')
    .addOption(organization())
    .option('--overlap <time>', 'how long both are valid', '24h')
    .action((id: string, options: { organization?: string; overlap: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const organizationId = organizationNamed(chartsync, options.organization);
        await keyNamed(chartsync, organizationId, id);
        const overlapMs = durationOf('--overlap', options.overlap);
        const issued = await chartsync.keys.rotate(
          { organizationId, id, overlapMs, by: personOf(runner.env) },
          (successor) => entry(organizationId, 'key.rotate', id, { successor }),
        );
        if (issued === null) throw new UsageError(`The key ${id} is revoked, expired or rotated already.`);
        return tellIssued(output, issued.key, issued.text);
      }),
    );

  key
    .command('revoke')
    .description('end a key, at once and for ever')
    .argument('<key>', 'id of the key')
    .addOption(organization())
    .action((id: string, options: { organization?: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const organizationId = organizationNamed(chartsync, options.organization);
        await keyNamed(chartsync, organizationId, id);
        const done = await chartsync.keys.revoke(
          organizationId,
          id,
          personOf(runner.env),
          entry(organizationId, 'key.revoke', id),
        );
        output.emit('revoked', { key: id, before: !done });
        output.say(done ? `The key ${id} is revoked.` : `The key ${id} was revoked before.`);
        return EXIT.done;
      }),
    );
}

function tellIssued(output: Output, key: ApiKey, text: string) {
  output.emit('key', { ...key, secret: text });
  output.say(
    `${text}\n\nThis is the only time that the key is shown. Its id is ${key.id}; it expires ${key.expiresAt ?? 'never'}.`,
  );
  return EXIT.done;
}

async function keyNamed(chartsync: Chartsync, organizationId: string, id: string): Promise<ApiKey> {
  const key = /^[0-9a-z]{16}$/.test(id) ? await chartsync.keys.find(organizationId, id) : null;
  if (key === null) throw new UsageError(`There is no key ${id}. See "chartsync key list".`);
  return key;
}

function scopesOf({ role, scope }: CreateOptions): readonly Scope[] {
  if (role !== undefined && scope === undefined) return scopesOfRole(role);
  if (scope === undefined || role !== undefined) throw new UsageError('Give either --role or --scope.');
  const wrong = scope.filter((text) => !isScope(text));
  if (wrong.length > 0) throw new UsageError(`There is no scope "${wrong[0]}". Known: ${SCOPES.join(', ')}.`);
  return [...new Set(scope)] as Scope[];
}

function expiry(text: string): number | null {
  return text === 'never' ? null : Date.now() + durationOf('--expires', text);
}

function durationOf(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new UsageError(`${option} wants a time such as 90d or 12h, not "${text}".`);
  return ms;
}
