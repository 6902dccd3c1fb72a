/**
 * Which place the search index of these records is kept in. Several processes that each have a folder of their own would each find
 * what they happened to index themselves, and none would notice.
 */
export interface SearchHomes {
  /** Null: none is known yet. */
  known(): Promise<string | null>;
  /** Makes this place the known one when none is. @returns the known one */
  claim(id: string): Promise<string>;
  /** This place is the known one from now on. */
  take(id: string): Promise<void>;
}
