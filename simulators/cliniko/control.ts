/** The door for people and tests that use the simulator as a process. Not part of the API, and not counted by its limit. */
import type { Account } from './accounts.ts';
import { type Answer, Refusal } from './answer.ts';
import { type Faults, mergeFaults } from './faults.ts';
import { mutate } from './life.ts';
import type { Random } from './random.ts';
import type { Deletable } from './records.ts';
import type { World } from './world.ts';

export interface Control {
  readonly accounts: readonly Account[];
  readonly faults: Faults;
  readonly random: Random;
}

export function controlAnswer(control: Control, method: string, path: string, body: Record<string, unknown>): Answer {
  switch (`${method} ${path}`) {
    case 'GET /_control/faults':
      return { status: 200, json: control.faults };
    case 'POST /_control/faults':
      try {
        mergeFaults(control.faults, body);
      } catch (error) {
        throw new Refusal(400, (error as Error).message);
      }
      return { status: 200, json: control.faults };
    case 'POST /_control/mutate': {
      const steps = body.steps ?? 1;
      if (typeof steps !== 'number' || !Number.isInteger(steps) || steps < 0 || steps > 100_000) {
        throw new Refusal(400, 'steps must be a whole number up to 100000');
      }
      const done = control.accounts.map(({ name, world }) => ({ name, done: mutate(world, control.random, steps) }));
      return { status: 200, json: { accounts: done } };
    }
    case 'GET /_control/world':
      return {
        status: 200,
        json: { accounts: control.accounts.map(({ name, world }) => ({ name, ...counts(world) })) },
      };
    default:
      throw new Refusal(404, 'Not found');
  }
}

/** How many there are of each kind, by state. */
export function counts({ tables }: World) {
  const { patients, appointments, groups, attendees, blocks, attachments } = tables;
  return {
    patients: { ...hidden(patients.rows), merged: patients.rows.filter((one) => one.mergedAt !== null).length },
    individual_appointments: {
      ...hidden(appointments.rows),
      cancelled: appointments.rows.filter((one) => one.cancelledAt !== null).length,
      did_not_arrive: appointments.rows.filter((one) => one.didNotArrive).length,
      arrived: appointments.rows.filter((one) => one.arrived).length,
    },
    group_appointments: hidden(groups.rows),
    attendees: {
      ...hidden(attendees.rows),
      cancelled: attendees.rows.filter((one) => one.cancelledAt !== null).length,
    },
    unavailable_blocks: hidden(blocks.rows),
    patient_attachments: { total: attachments.rows.length },
  };
}

function hidden(rows: readonly Deletable[]) {
  return {
    total: rows.length,
    archived: rows.filter((one) => one.archivedAt !== null).length,
    deleted: rows.filter((one) => one.deletedAt !== null).length,
  };
}
