/** Removal of records that are kept only for a time. Every method takes the organisation and epoch ms. */
export interface RetentionStore {
  /** Final runs that ended before; the newest of each connection stays. @returns how many */
  purgeRuns(organizationId: string, before: number): Promise<number>;
  /** Tombstones of documents removed before. @returns how many */
  purgeTombstones(organizationId: string, before: number): Promise<number>;
}
