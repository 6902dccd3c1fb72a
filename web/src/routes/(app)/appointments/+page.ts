import { type Appointment, answerOf, api } from '#lib/api/client.ts';
import { addDays, dateIn } from '#lib/book.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import { session } from '#lib/session.svelte.ts';
import { startOfDay } from '#lib/time.ts';
import type { PageLoad } from './$types';

const LIMIT = 500;

export interface Filter {
  from: string;
  until: string;
  status: string;
  kind: '' | 'individual' | 'group';
  deleted: boolean;
}

export interface Listed extends Appointment {
  /** Names of its patients, as far as they are known. */
  readonly who: readonly (string | null)[];
}

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const filter: Filter = {
    from: dateIn(session.timeZone, Date.now()),
    until: '',
    status: '',
    kind: '',
    deleted: false,
  };
  const names = new Map<string, string | null>();

  /** Names by id, in a body: none stands in an address. */
  async function learn(ids: readonly string[]): Promise<void> {
    const unknown = [...new Set(ids)].filter((id) => !names.has(id));
    for (let i = 0; i < unknown.length; i += 500) {
      const body = { ids: unknown.slice(i, i + 500), limit: 500, deleted: true };
      const { patients } = await answerOf(api.POST('/api/v1/patients/search', { body }));
      for (const { id, name } of patients) names.set(id, name);
    }
  }

  const list = new KeysetList<Listed>(
    ({ id }) => id,
    async (after) => {
      const { from, until, status, kind, deleted } = filter;
      const query = {
        limit: LIMIT,
        ...(after === null ? {} : { after }),
        ...(from === '' ? {} : { from: startOfDay(session.timeZone, from) }),
        // The last day is meant whole.
        ...(until === '' ? {} : { before: startOfDay(session.timeZone, addDays(until, 1)) }),
        ...(status === '' ? {} : { status }),
        ...(kind === '' ? {} : { kind }),
        ...(deleted ? { deleted: true } : {}),
      };
      const { appointments, next } = await answerOf(api.GET('/api/v1/appointments', { params: { query } }));
      await learn(appointments.flatMap(({ patients }) => patients.map(({ patient_id }) => patient_id)));
      const items = appointments.map((appointment) => ({
        ...appointment,
        who: appointment.patients.map(({ patient_id }) => names.get(patient_id) ?? null),
      }));
      return { items, next };
    },
  );
  void list.restart();
  return { list, filter };
};
