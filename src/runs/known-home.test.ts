import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { entryOf, newPlace } from '../../test/support/search-samples.ts';
import type { SearchHomes } from '../ports/search-home.ts';
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
  const homes = { known: async () => null, claim: async (id: string) => id, take: async () => undefined };
  const index = inKnownHome(watched, homes, systemClock, true);
  const place = newPlace();
  expect(await index.put(entryOf(place, randomUUID(), 'Sciatica.'), undefined, 300)).toBe('created');
  expect(waits).toEqual([300]);
  expect(await index.count(place.organizationId, null)).toMatchObject({ documents: 1 });
});

test('who only looks makes no place the known one, and keeps to the one that is', async () => {
  let known: string | null = null;
  const homes: SearchHomes = {
    known: async () => known,
    async claim(id) {
      known ??= id;
      return known;
    },
    take: async () => undefined,
  };
  const at = (id: string): SearchIndex => ({ ...createMemorySearchIndex(), home: async () => id });
  const place = newPlace();
  const looking = inKnownHome(at('laptop'), homes, systemClock, false);
  expect(await looking.count(place.organizationId, null)).toMatchObject({ documents: 0 });
  expect(known).toBeNull();
  await inKnownHome(at('service'), homes, systemClock, true).prepare();
  expect(known).toBe('service');
  const late = inKnownHome(at('laptop'), homes, systemClock, false);
  await expect(late.count(place.organizationId, null)).rejects.toMatchObject({ code: 'search_other_home' });
});
