import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { entryOf, newPlace } from '../../test/support/search-samples.ts';
import type { SearchIndex } from '../ports/search-index.ts';
import { createMemorySearchIndex } from '../stores/memory/search-index.ts';
import { systemClock } from '../stores/system-clock.ts';
import { inKnownHome } from './known-home.ts';

test('all that is asked of the index is passed on, also how long it may wait for others', async () => {
  const inner = createMemorySearchIndex();
  const waits: unknown[] = [];
  const watched: SearchIndex = {
    ...inner,
    put(entry, signal, waitMs) {
      waits.push(waitMs);
      return inner.put(entry, signal, waitMs);
    },
  };
  const index = inKnownHome(watched, { claim: async (id) => id, take: async () => undefined }, systemClock);
  const place = newPlace();
  expect(await index.put(entryOf(place, randomUUID(), 'Sciatica.'), undefined, 300)).toBe('created');
  expect(waits).toEqual([300]);
  expect(await index.count(place.organizationId, null)).toMatchObject({ documents: 1 });
});
