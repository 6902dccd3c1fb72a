/** What the IDEXX connector needs to know of its connection. */
export interface IdexxSettings {
  /** Origin of the portal, without a slash at the end. */
  readonly portalUrl: string;
  /** IANA zone of the clinic: the portal's times have none. */
  readonly timeZone: string;
  readonly timeoutMs: number;
  /** How long what the portal said about hours, columns and types may be used without asking again. */
  readonly clinicMaxAgeMs: number;
  /** Calls in a second; null: no limit, for stand-ins. */
  readonly requestsPerSecond: number | null;
}
