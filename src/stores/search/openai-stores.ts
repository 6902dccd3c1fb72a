/**
 * Which vector store is a patient's. Each says so itself in its metadata: there is nothing else to keep in step.
 *
 * A rebuild fills a second one. It answers as soon as its own metadata say `live` with a higher generation; the former one is
 * then `retired`, and deleted. A store in both states at once is that of a process that was killed: the generation decides.
 */
import type OpenAI from 'openai';
import type { SearchPlace } from '../../ports/search-index.ts';
import { unlessAbsent } from './openai-error.ts';

export type StoreState = 'live' | 'building' | 'retired';

export interface PatientStore extends SearchPlace {
  readonly id: string;
  readonly createdAt: number;
  readonly state: StoreState;
  readonly generation: number;
  /** The store that a rebuild fills beside this one; '' without. */
  readonly building: string;
}

const OWNER = 'chartsync';

export type OpenAiStores = ReturnType<typeof createOpenAiStores>;

export function createOpenAiStores(client: OpenAI) {
  /** Where a patient's store was seen last: looked at again before it is used. */
  const known = new Map<string, string>();
  const making = new Map<string, Promise<PatientStore>>();
  const keyOf = ({ organizationId, patientUuid }: SearchPlace): string => `${organizationId}/${patientUuid}`;

  async function all(organizationId: string | null, signal?: AbortSignal): Promise<PatientStore[]> {
    const found: PatientStore[] = [];
    for await (const store of client.vectorStores.list({ limit: 100 }, { signal })) {
      const own = read(store);
      if (own !== null && (organizationId ?? own.organizationId) === own.organizationId) found.push(own);
    }
    return found;
  }

  async function get(id: string, signal?: AbortSignal): Promise<PatientStore | null> {
    const store = await unlessAbsent(client.vectorStores.retrieve(id, { signal }));
    return store && read(store);
  }

  async function create(
    place: SearchPlace,
    state: StoreState,
    generation: number,
    signal?: AbortSignal,
  ): Promise<PatientStore> {
    const store = { ...place, id: '', createdAt: 0, state, generation, building: '' };
    const name = `${OWNER} ${place.organizationId} ${place.patientUuid}`;
    const made = await client.vectorStores.create({ name, metadata: metadataOf(store) }, { signal });
    return { ...store, id: made.id, createdAt: made.created_at };
  }

  async function find(place: SearchPlace, signal?: AbortSignal): Promise<PatientStore | null> {
    const id = known.get(keyOf(place));
    const seen = id === undefined ? null : await get(id, signal);
    if (seen?.state === 'live') return seen;
    known.delete(keyOf(place));
    const live = liveOf((await all(place.organizationId, signal)).filter((store) => keyOf(store) === keyOf(place)));
    if (live !== null) known.set(keyOf(place), live.id);
    return live;
  }

  async function make(place: SearchPlace, signal?: AbortSignal): Promise<PatientStore> {
    const present = await find(place, signal);
    if (present !== null) return present;
    const made = await create(place, 'live', 1, signal);
    // Of several processes that made one, all take the same.
    const live = (await find(place, signal)) ?? made;
    if (live.id !== made.id) await unlessAbsent(client.vectorStores.delete(made.id, { signal }));
    return live;
  }

  return {
    all,
    get,
    find,
    create,

    /** Every patient's store that answers. */
    async live(organizationId: string, signal?: AbortSignal): Promise<PatientStore[]> {
      const stores = await all(organizationId, signal);
      const byPatient = Map.groupBy(stores, (store) => store.patientUuid);
      return [...byPatient.values()].flatMap((group) => liveOf(group) ?? []);
    },

    async findOrMake(place: SearchPlace, signal?: AbortSignal): Promise<PatientStore> {
      const key = keyOf(place);
      const pending = making.get(key) ?? make(place, signal).finally(() => making.delete(key));
      making.set(key, pending);
      return pending;
    },

    async change(store: PatientStore, to: Partial<PatientStore>, signal?: AbortSignal): Promise<void> {
      await client.vectorStores.update(store.id, { metadata: metadataOf({ ...store, ...to }) }, { signal });
    },

    async delete(id: string, signal?: AbortSignal): Promise<void> {
      await unlessAbsent(client.vectorStores.delete(id, { signal }));
    },
  };
}

/** The one that answers; of equals the one that was there first. */
function liveOf(stores: readonly PatientStore[]): PatientStore | null {
  const live = stores.filter((store) => store.state === 'live');
  live.sort((a, b) => b.generation - a.generation || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  return live[0] ?? null;
}

function metadataOf({
  organizationId,
  patientUuid,
  state,
  generation,
  building,
}: PatientStore): Record<string, string> {
  return {
    owner: OWNER,
    organization_id: organizationId,
    patient_uuid: patientUuid,
    state,
    generation: String(generation),
    building,
  };
}

/** Null for a store that is not ours. */
function read(store: OpenAI.VectorStore): PatientStore | null {
  const { owner, organization_id, patient_uuid, state, generation, building = '' } = store.metadata ?? {};
  if (owner !== OWNER || organization_id === undefined || patient_uuid === undefined) return null;
  return {
    id: store.id,
    createdAt: store.created_at,
    organizationId: organization_id,
    patientUuid: patient_uuid,
    state: state as StoreState,
    generation: Number(generation),
    building,
  };
}
