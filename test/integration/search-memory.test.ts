import { createMemorySearchIndex, type MemorySearchContents } from '../../src/stores/memory/search-index.ts';
import { describeSearchIndex } from '../contract/search-index.ts';

describeSearchIndex('memory', async () => {
  const contents: MemorySearchContents = new Map();
  return {
    index: createMemorySearchIndex({ contents }),
    another: async () => createMemorySearchIndex({ contents }),
    close: async () => {},
  };
});
