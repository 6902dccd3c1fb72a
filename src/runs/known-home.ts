/** A search index that is only used where these records have it: an index of another place would find too little, and say nothing. */
import { SyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { SearchHomes } from '../ports/search-home.ts';
import type { SearchIndex } from '../ports/search-index.ts';

/** Another process may make another place the known one at any time. */
const BELIEVED_MS = 5000;

/**
 * Every use of the index is SyncError `search_other_home` while its place is not the known one.
 * @param claims whether this place becomes the known one when none is: of a process that reads documents, not of one that only looks
 */
export function inKnownHome(index: SearchIndex, homes: SearchHomes, clock: Clock, claims: boolean): SearchIndex {
  let seenAt = Number.NEGATIVE_INFINITY;

  async function assertHome(signal: AbortSignal | undefined): Promise<void> {
    if (clock.now() - seenAt < BELIEVED_MS) return;
    const id = await index.home(signal);
    if (id !== null) {
      const known = claims ? await homes.claim(id) : await homes.known();
      if (known !== null && known !== id) throw new SyncError('search_other_home');
    }
    seenAt = clock.now();
  }

  return {
    ...index,
    async prepare(signal) {
      await index.prepare(signal);
      await assertHome(signal);
    },
    async put(entry, signal, waitMs) {
      await assertHome(signal);
      return index.put(entry, signal, waitMs);
    },
    async remove(place, documentUuids, signal) {
      await assertHome(signal);
      return index.remove(place, documentUuids, signal);
    },
    async *list(organizationId, patientUuid, signal) {
      await assertHome(signal);
      yield* index.list(organizationId, patientUuid, signal);
    },
    async count(organizationId, patientUuid, signal) {
      await assertHome(signal);
      return index.count(organizationId, patientUuid, signal);
    },
    async search(query, signal) {
      await assertHome(signal);
      return index.search(query, signal);
    },
    async beginRebuild(organizationId, patientUuid, signal) {
      await assertHome(signal);
      return index.beginRebuild(organizationId, patientUuid, signal);
    },
  };
}
