/** Documents of some connections are read and found on another machine. */
import { type RawBuilder, sql } from 'kysely';

/**
 * Of a document `d`.
 * @param elsewhere `organization/connection`
 */
export function keptHere(elsewhere: readonly string[]): RawBuilder<boolean> {
  return sql`(d."connectionId" IS NULL OR d."organizationId" || '/' || d."connectionId" <> ALL (${[...elsewhere]}::text[]))`;
}
