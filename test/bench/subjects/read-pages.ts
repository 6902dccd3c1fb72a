/** Floor of a first copy from Cliniko: every page asked for and parsed, nothing compared, nothing stored. */
import { measureInside, subjectInput } from '../inside.ts';

export interface ReadPagesInput {
  readonly url: string;
  readonly apiKey: string;
  readonly lists: readonly string[];
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
      const hidden = ['archived_at', 'cancelled_at', 'deleted_at'].slice(0, list === 'patients' ? 1 : 3);
      let next: string | undefined =
        `${input.url}/${list}?per_page=100${hidden.map((name) => `&q[]=${name}:*`).join('')}`;
      while (next !== undefined) {
        const page = (await (await fetch(next, { headers })).json()) as {
          links: { next?: string };
          [list: string]: unknown;
        };
        records += (page[list] as unknown[]).length;
        next = page.links.next;
      }
    }
    return records;
  },
  (records) => {
    if (records < input.records) throw new Error(`${records} records were read instead of ${input.records}`);
  },
);
