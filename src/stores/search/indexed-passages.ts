import { setImmediate } from 'node:timers/promises';
import type { Page, SearchEntry } from '../../ports/search-index.ts';
import { throwIfCancelled } from './cancelled.ts';
import { cutPassages, type Passage } from './passages.ts';

export interface PagePassage extends Passage {
  readonly page: number;
}

/** A page may be as long as a book, and others are waiting. */
const AT_ONCE = 200;

/** All passages of a document in the order of its pages. */
export async function passagesOf(pages: SearchEntry['pages'], signal?: AbortSignal): Promise<PagePassage[]> {
  const passages: PagePassage[] = [];
  for await (const page of pages as AsyncIterable<Page>) {
    throwIfCancelled(signal);
    // A half surrogate cannot be stored; its replacement is as long.
    for (const passage of cutPassages(page.text.toWellFormed())) {
      passages.push({ ...passage, page: page.number });
      if (passages.length % AT_ONCE !== 0) continue;
      await setImmediate();
      throwIfCancelled(signal);
    }
  }
  throwIfCancelled(signal);
  return passages;
}
