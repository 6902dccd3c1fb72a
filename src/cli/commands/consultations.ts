import type { Command } from 'commander';
import { isBookConnection } from '../../runs/connections.ts';
import { countOf } from '../arguments.ts';
import { type CommandRunner, connectionNamed, UsageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

const SENTENCES = {
  no_appointment_id: 'names no appointment',
  appointment_unknown: 'names an appointment that is not stored',
} as const;

export function registerConsultations(program: Command, runner: CommandRunner): void {
  program
    .command('consultations')
    .description("a clinic's consultations: how many are linked, and which are in quarantine; without names and notes")
    .argument('<connection>', 'id of the connection')
    .option('--quarantined', 'only those of which nobody can say where they belong')
    .option('--limit <n>', 'how many', '50')
    .action((name: string, options: { quarantined?: boolean; limit: string }, command: Command) =>
      runner.runOpened(command, async ({ chartsync, output }) => {
        const connection = connectionNamed(chartsync, name);
        if (!isBookConnection(connection)) throw new UsageError(`${connection.id} has no consultations.`);
        const { organizationId, settings } = connection;
        const key = { organizationId, clinicId: settings.clinicId };
        const limit = countOf('--limit', options.limit, 1000);
        const counts = await chartsync.consultations.counts(key);
        const { items } = await chartsync.consultations.list({
          ...key,
          limit,
          after: null,
          ...(options.quarantined ? { state: 'quarantined' } : {}),
        });
        output.emit('counts', counts);
        for (const item of items) output.emit('consultation', item);
        output.table(
          ['date', 'consultation', 'appointment', 'state', 'where it belongs'],
          items.map((item) => [
            item.date,
            item.neoConsultationId,
            item.neoAppointmentId ?? '',
            item.status,
            item.quarantineReason === null ? `case ${item.caseId}` : SENTENCES[item.quarantineReason],
          ]),
        );
        const { linked, noAppointmentId, appointmentUnknown } = counts;
        output.say(
          `${linked} are linked; in quarantine: ${noAppointmentId} name no appointment, ${appointmentUnknown} name one that is not stored.`,
        );
        return EXIT.done;
      }),
    );
}
