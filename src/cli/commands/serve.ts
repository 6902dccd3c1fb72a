import { type Command, Option } from 'commander';
import type { Role } from '../../server.ts';
import { type CommandRunner, openConfigured } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

const ROLES = ['api', 'worker', 'all'] as const satisfies readonly Role[];

export function registerServe(program: Command, runner: CommandRunner): void {
  program
    .command('serve')
    .description('answer HTTP and run the schedule until stopped')
    .addOption(
      new Option('--role <role>', 'api: only answer; worker: only perform runs; all: both')
        .choices(ROLES)
        .default('all'),
    )
    .action((options: { role: Role }, command: Command) =>
      runner.run(command, async (output, signal, globals) => {
        const { config, database } = await openConfigured(runner, globals, output);
        const { serve } = await import('../../server.ts');
        const server = await serve({ config, database, role: options.role });
        output.emit('ready', { url: server.url });
        output.say(`Chartsync answers at ${server.url}`);
        output.say(`Administrator's key: ${server.keyPlace}`);
        if (config.organizations.every((o) => o.connections.length === 0)) {
          output.say('No connection is configured yet. Describe one in chartsync.yaml, see the README.');
        }
        await untilAborted(signal);
        await server.stop();
        return EXIT.done;
      }),
    );
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
