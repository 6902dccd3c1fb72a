import type { Command } from 'commander';
import type { CommandRunner } from '../context.ts';

export function registerDemo(program: Command, runner: CommandRunner): void {
  program
    .command('demo')
    .description('start with a sample practice on embedded stores; it changes a little every minute')
    .option('--still', 'do not change the sample practice')
    .action((options: { still?: boolean }, command: Command) =>
      runner.run(command, async (output, signal) => {
        const { runDemo } = await import('../demo.ts');
        return runDemo({ surroundings: runner, output, signal, still: options.still === true });
      }),
    );
}
