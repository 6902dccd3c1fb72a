/** Floor of a first copy from Cliniko: every page asked for and parsed, nothing compared, nothing stored. */
import { RESOURCES } from '../../../src/connectors/cliniko/resources.ts';
import type { RecordStream } from '../../../src/domain/clinic.ts';
import { measureInside, subjectInput } from '../inside.ts';

export interface ReadPagesInput {
  readonly url: string;
  readonly apiKey: string;
  readonly lists: readonly RecordStream[];
  /** At least so many come. */
  readonly records: number;
}

const input = subjectInput<ReadPagesInput>();
const headers = {
  authorization: `Basic ${Buffer.from(`${input.apiKey}:`).toString('base64')}`,
  'user-agent': 'Bench (bench@clinic.example)',
  accept: 'application/json',
};

await measureInside(
  async () => {
    let records = 0;
    for (const list of input.lists) {
      // Not every list has every one of these filters: to another one the answer is a refusal, without a list.
      const hidden = RESOURCES[list].hidden.map((name) => `&q[]=${name}:*`).join('');
      let next: string | undefined = `${input.url}/${list}?per_page=100${hidden}`;
      while (next !== undefined) {
        const page = await pageOf(list, next);
        records += page.records;
        next = page.next;
      }
    }
    return records;
  },
  (records) => {
    if (records < input.records) throw new Error(`${records} records were read instead of ${input.records}`);
  },
);

/** @throws Error with the question and the beginning of the answer when that is not a page of the list */
async function pageOf(list: string, url: string): Promise<{ records: number; next: string | undefined }> {
  const response = await fetch(url, { headers });
  const text = await response.text();
  const page = response.ok ? (JSON.parse(text) as { links?: { next?: string }; [list: string]: unknown }) : {};
  const rows = page[list];
  if (!Array.isArray(rows)) {
    throw new Error(`${decodeURI(url)} was answered with ${response.status} and no list: ${text.slice(0, 200)}`);
  }
  return { records: rows.length, next: page.links?.next };
}
