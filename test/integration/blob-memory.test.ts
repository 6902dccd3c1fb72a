import { createMemoryBlobStore } from '../../src/stores/memory/blob-store.ts';
import { describeBlobStore } from '../contract/blob-store.ts';

describeBlobStore('memory', async () => {
  const contents = new Map<string, Uint8Array>();
  return {
    store: createMemoryBlobStore({ contents }),
    another: async () => createMemoryBlobStore({ contents }),
    tamper: async (name, bytes) => {
      contents.set(name, bytes);
    },
    close: async () => {},
  };
});
