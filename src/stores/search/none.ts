import { SyncError } from '../../domain/errors.ts';
import { assertEntry, assertPlace, assertQuery, type SearchIndex } from '../../ports/search-index.ts';

/** No index: there is nothing to keep in step, and a search says so instead of finding nothing. */
export function createNoSearchIndex(): SearchIndex {
  return {
    kind: 'none',
    capabilities: { available: false, hybrid: false, phrases: false, immediate: false },
    async prepare() {},
    async put(entry) {
      assertEntry(entry);
      return 'unchanged';
    },
    async remove({ organizationId, patientUuid }) {
      assertPlace(organizationId, patientUuid);
      return { removed: 0, remaining: 0 };
    },
    async *list() {},
    async count() {
      return { documents: 0, passages: 0 };
    },
    async search(query) {
      assertQuery(query);
      throw new SyncError('search_off');
    },
    async beginRebuild() {
      throw new SyncError('search_off');
    },
    async maintain() {},
    home: async () => null,
    async health() {
      return { error: null };
    },
    async close() {},
  };
}
