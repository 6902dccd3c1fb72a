/** What the Cliniko connector needs to know of its connection. */
export interface ClinikoSettings {
  /** Without a slash at the end. Null: the vendor's address of the key's shard. */
  readonly baseUrl: string | null;
  /** In the User-Agent, which the vendor requires. */
  readonly contactEmail: string;
  /** Requests per minute of the key's user; null: no limit, for stand-ins. */
  readonly requestsPerMinute: number | null;
  readonly timeoutMs: number;
  /** Keep the notes of appointments. */
  readonly notes: boolean;
  /** Hosts, beside the vendor's store of files, from which contents of attachments may come. */
  readonly attachmentHosts: readonly string[];
}
