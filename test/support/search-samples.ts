/** Documents of invented patients for tests of search indices. */
import { createHash, randomUUID } from 'node:crypto';
import type { Page, SearchEntry, SearchIndex, SearchPlace } from '../../src/ports/search-index.ts';

export function newPlace(): SearchPlace {
  return { organizationId: `org_${randomUUID().slice(0, 8)}`, patientUuid: randomUUID() };
}

export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A document whose pages are the texts; its version is that of its text. */
export function entryOf(place: SearchPlace, documentUuid: string, ...texts: readonly string[]): SearchEntry {
  const pages: Page[] = texts.map((text, i) => ({ number: i + 1, text }));
  return { ...place, documentUuid, version: versionOf(texts.join('\f')), pages };
}

/** Many passages that all have the word. */
export function longText(word: string, passages: number): string {
  const sentence = `${word} was noted again at this visit and explained to the person who came. `;
  return sentence.repeat(Math.ceil((passages * 700) / sentence.length));
}

/** Every passage that a search finds, page by page. */
export async function findAll(index: SearchIndex, place: SearchPlace, text: string, limit = 50) {
  const passages = [];
  for (let after: string | undefined; ; ) {
    const answer = await index.search({ ...place, text, limit, after });
    passages.push(...answer.passages);
    if (answer.next === null) return passages;
    after = answer.next;
  }
}

export async function documentsFound(index: SearchIndex, place: SearchPlace, text: string): Promise<string[]> {
  const passages = await findAll(index, place, text);
  return [...new Set(passages.map((passage) => passage.documentUuid))];
}
