/** Floor of a first copy from Cliniko: every page asked for and parsed, nothing compared, nothing stored. */
import { measureInside, subjectInput } from '../inside.ts';

export interface ReadPagesInput {
  readonly url: string;
  readonly apiKey: string;
  readonly lists: readonly string[];
  readonly records: number;
}

/** The filters that each list has for what it leaves out by itself. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  patients: ['archived_at'],
  individual_appointments: ['archived_at', 'cancelled_at', 'deleted_at'],
  group_appointments: ['archived_at', 'deleted_at'],
  attendees: ['archived_at', 'cancelled_at', 'deleted_at'],
};

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
      const hidden = HIDDEN[list] ?? [];
      let next: string | undefined =
        `${input.url}/${list}?per_page=100${hidden.map((name) => `&q[]=${name}:*`).join('')}`;
      while (next !== undefined) {
        const answer = await fetch(next, { headers });
        if (!answer.ok) throw new Error(`${list}: ${answer.status} ${await answer.text()}`);
        const page = (await answer.json()) as {
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
