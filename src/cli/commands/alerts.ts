import type { Command } from 'commander';
import type { Chartsync } from '../../main.ts';
import type { AlertStatus } from '../../ports/alert-store.ts';
import { testAlert } from '../../runs/alerts.ts';
import { type CommandRunner, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { auditedCommand } from '../person.ts';

/** Whom to tell about which problems. They are made and changed in the pages. */
export function registerAlerts(program: Command, runner: CommandRunner): void {
  const alerts = program.command('alerts').description('who is told about which problems, and whether that works');

  alerts
    .command('list')
    .description('the alerts, what they have told, and whether it could be delivered')
    .action((_options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const all = await everyAlert(chartsync);
        for (const alert of all) output.emit('alert', alert);
        output.table(
          ['alert', 'name', 'about', 'to', 'problems', 'last message'],
          all.map((alert) => [
            alert.id,
            alert.name,
            `${alert.kind}${alert.connectionId === null ? '' : ` ${alert.connectionId}`}${alert.enabled ? '' : ' (off)'}`,
            alert.target.channel,
            String(alert.problems.length),
            lastOf(alert),
          ]),
        );
        output.say(all.length === 0 ? 'There are no alerts.' : 'Try one: chartsync alerts test <alert>.');
        return EXIT.done;
      }),
    );

  alerts
    .command('test')
    .description('really send a test message, and say what failed')
    .argument('<alert>', 'id of the alert')
    .action((id: string, _options: object, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output, signal }) => {
        const alert = (await everyAlert(chartsync)).find((known) => known.id === id);
        if (alert === undefined) throw new UsageError(`There is no alert ${id}. See "chartsync alerts list".`);
        const deed = { organizationId: alert.organizationId, action: 'alert.test', subject: { kind: 'alert', id } };
        const { alertPorts } = await import('../../main.ts');
        const failure = await auditedCommand(
          chartsync,
          runner.env,
          deed,
          () => testAlert(alertPorts(chartsync), alert, signal),
          (failed) => ({ details: { code: failed?.code ?? null } }),
        );
        if (failure !== null) {
          output.error(failure);
          return EXIT.failed;
        }
        output.emit('delivered', { alert: id });
        output.say('Sent: the other side took it.');
        return EXIT.done;
      }),
    );
}

async function everyAlert({ alerts, config }: Chartsync): Promise<AlertStatus[]> {
  return (await Promise.all(config.organizations.map(({ id }) => alerts.list(id)))).flat();
}

function lastOf({ lastDelivery }: AlertStatus): string {
  if (lastDelivery === null) return 'none yet';
  const { event, state, at, code } = lastDelivery;
  return `${event}, ${state} ${at}${code === null ? '' : ` (${code})`}`;
}
