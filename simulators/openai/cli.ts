import { parseArgs } from 'node:util';
import { startOpenAi } from './server.ts';

const text = (value: string) => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: { port: text('8600'), key: text('sk-trial'), 'indexing-ms': text('500'), 'deletion-ms': text('2000') },
});
const service = await startOpenAi({
  port: Number(values.port),
  apiKey: values.key,
  indexingMs: Number(values['indexing-ms']),
  deletionMs: Number(values['deletion-ms']),
});
console.log(`OpenAI stand-in on ${service.url} with the key ${values.key}`);
process.once('SIGINT', () => service.stop());
process.once('SIGTERM', () => service.stop());
