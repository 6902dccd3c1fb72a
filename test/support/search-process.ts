/**
 * A process that puts documents into an index in a folder: `node search-process.ts <folder> <place as JSON> <names> <rounds>`. Each
 * round puts every document in a version of its own; after each put a line says which. Killed by the test, or ends by itself.
 */
import type { SearchPlace } from '../../src/ports/search-index.ts';
import { createLanceSearchIndex } from '../../src/stores/search/lancedb.ts';
import { entryOf, longText } from './search-samples.ts';

const [folder = '', placeText = '', documents = '', rounds = '1', prefix = 'round'] = process.argv.slice(2);
const place = JSON.parse(placeText) as SearchPlace;
const index = createLanceSearchIndex({ folder });
await index.prepare();
process.stdout.write('ready\n');
for (let round = 0; round < Number(rounds); round++) {
  for (const documentUuid of documents.split(',')) {
    await index.put(entryOf(place, documentUuid, longText(`common ${prefix}${round}`, 1 + (round % 4))));
    process.stdout.write(`${documentUuid} ${round}\n`);
  }
}
await index.close();
