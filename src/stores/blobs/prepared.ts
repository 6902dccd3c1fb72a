/** A store that is prepared at the latest when the first content comes: an uploaded document has no run before it. */
import type { BlobStore } from '../../ports/blob-store.ts';

export function preparedBeforePut(store: BlobStore): BlobStore {
  let isPrepared = false;
  const prepare: BlobStore['prepare'] = async (signal) => {
    await store.prepare(signal);
    isPrepared = true;
  };
  return {
    ...store,
    prepare,
    async put(name, content, signal, options) {
      if (!isPrepared) await prepare(signal);
      return store.put(name, content, signal, options);
    },
  };
}
