import { answerOf, api, type ClinicPatient } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 500;

export interface Filter {
  name: string;
  born: string;
  active: 'any' | 'yes' | 'no';
  deleted: boolean;
}

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const filter: Filter = { name: '', born: '', active: 'any', deleted: false };
  const list = new KeysetList<ClinicPatient>(
    ({ id }) => id,
    async (after) => {
      const { name, born, active, deleted } = filter;
      const common = { limit: LIMIT, ...(after === null ? {} : { after }), ...(deleted ? { deleted: true } : {}) };
      const named = {
        ...(name.trim() === '' ? {} : { name: name.trim() }),
        ...(born === '' ? {} : { birth_date: born }),
      };
      // Names and dates of birth go in a body; whether somebody is active may stand in an address.
      const asked =
        Object.keys(named).length > 0
          ? api.POST('/api/v1/patients/search', { body: { ...common, ...named } })
          : api.GET('/api/v1/patients', {
              params: { query: { ...common, ...(active === 'any' ? {} : { active: active === 'yes' }) } },
            });
      const { patients, next } = await answerOf(asked);
      return { items: patients, next };
    },
  );
  void list.restart();
  return { list, filter };
};
