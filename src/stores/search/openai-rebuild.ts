/** A second vector store beside the one that answers, for one patient or for each of an organisation. */
import { SyncError } from '../../domain/errors.ts';
import type { RebuildOutcome, SearchEntry } from '../../ports/search-index.ts';
import type { OpenAiDocuments } from './openai-documents.ts';
import { type OpenAiFiles, REMOVED } from './openai-files.ts';
import type { OpenAiStores, PatientStore } from './openai-stores.ts';

export interface OpenAiRebuildOptions {
  readonly stores: OpenAiStores;
  readonly files: OpenAiFiles;
  readonly documents: OpenAiDocuments;
  readonly organizationId: string;
  readonly patientUuid: string | null;
}

export async function beginOpenAiRebuild(options: OpenAiRebuildOptions, signal?: AbortSignal) {
  const { stores, files, documents, organizationId, patientUuid } = options;
  /** By patient, the store that is filled. A patient who comes later has nothing old. */
  const begun = new Map<string, PatientStore>();
  let ended = false;
  const present =
    patientUuid === null
      ? await stores.live(organizationId, signal)
      : [await stores.findOrMake({ organizationId, patientUuid }, signal)];
  for (const live of present) {
    const building = await stores.create(live, 'building', live.generation + 1, signal);
    await stores.change(live, { building: building.id }, signal);
    begun.set(live.patientUuid, building);
    if (live.building !== '') await discard(live.building, signal);
  }

  async function liveOf(building: PatientStore, ofSignal?: AbortSignal): Promise<PatientStore> {
    const live = ended ? null : await stores.find(building, ofSignal);
    if (live?.building !== building.id) throw new SyncError('search_rebuild_ended');
    return live;
  }

  async function discard(storeId: string, ofSignal?: AbortSignal): Promise<void> {
    if ((await stores.get(storeId, ofSignal)) === null) return;
    await files.removeAll(storeId, await files.list(storeId, ofSignal), ofSignal);
    await stores.delete(storeId, ofSignal);
  }

  return {
    async put(entry: SearchEntry, putSignal?: AbortSignal): Promise<RebuildOutcome> {
      const building = begun.get(entry.patientUuid);
      if (building !== undefined) {
        await liveOf(building, putSignal);
        return documents.putOlder(building.id, entry, putSignal);
      }
      if (ended) throw new SyncError('search_rebuild_ended');
      return documents.putOlder((await stores.findOrMake(entry, putSignal)).id, entry, putSignal);
    },

    async finish(finishSignal?: AbortSignal): Promise<void> {
      if (ended) throw new SyncError('search_rebuild_ended');
      for (const building of begun.values()) await liveOf(building, finishSignal);
      for (const building of begun.values()) {
        const live = await liveOf(building, finishSignal);
        await stores.change(building, { state: 'live' }, finishSignal);
        // From here on the new one answers; who still writes to the former one sees this and writes again.
        await stores.change(live, { state: 'retired', building: '' }, finishSignal);
        const buried = (await files.list(building.id, finishSignal)).filter((file) => file.passages === REMOVED);
        await files.removeAll(building.id, buried, finishSignal);
        await discard(live.id, finishSignal);
      }
      ended = true;
    },

    async abandon(abandonSignal?: AbortSignal): Promise<void> {
      ended = true;
      for (const building of begun.values()) {
        const live = await stores.find(building, abandonSignal);
        if (live?.building !== building.id) continue;
        await stores.change(live, { building: '' }, abandonSignal);
        await discard(building.id, abandonSignal);
      }
    },
  };
}
