import { startOpenAi } from '../../simulators/openai/server.ts';
import { createOpenAiSearchIndex } from '../../src/stores/search/openai.ts';
import { describeSearchIndex } from '../contract/search-index.ts';

const apiKey = 'sk-sample';

describeSearchIndex('openai', async () => {
  const service = await startOpenAi({ apiKey, indexingMs: 5, deletionMs: 50 });
  const open = () => createOpenAiSearchIndex({ apiKey, endpoint: service.url, pollMs: 3 });
  return { index: open(), another: async () => open(), close: () => service.stop() };
});
