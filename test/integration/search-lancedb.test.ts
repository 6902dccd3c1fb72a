import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLanceSearchIndex } from '../../src/stores/search/lancedb.ts';
import { describeSearchIndex } from '../contract/search-index.ts';

describeSearchIndex('lancedb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'search-'));
  return {
    index: createLanceSearchIndex({ folder }),
    another: async () => createLanceSearchIndex({ folder }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
