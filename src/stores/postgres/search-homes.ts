/** `SearchHomes` on PostgreSQL. */
import { sql } from 'kysely';
import type { SearchHomes } from '../../ports/search-home.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

export function createSearchHomes({ kysely }: Database): SearchHomes {
  const known = async () => (await kysely.selectFrom('search_home').select('id').executeTakeFirst())?.id;
  return {
    known: () => ask(async () => (await known()) ?? null),
    claim: (id) =>
      ask(async () => {
        const before = await known();
        if (before !== undefined) return before;
        await sql`INSERT INTO search_home (id) VALUES (${id}) ON CONFLICT (singleton) DO NOTHING`.execute(kysely);
        return (await known()) ?? id;
      }),
    take: (id) =>
      ask(async () => {
        await sql`
          INSERT INTO search_home (id) VALUES (${id})
          ON CONFLICT (singleton) DO UPDATE SET id = excluded.id, since = now()`.execute(kysely);
      }),
  };
}
