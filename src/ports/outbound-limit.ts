/** A limit of requests to one outside user, shared by all processes. */
export interface OutboundLimit {
  /**
   * Asks for one request now.
   * @param key what shares the limit; no secret, no personal data
   * @param limit requests in `windowMs`; `reserved` of them only for urgent ones
   * @returns 0 when it may be sent now (and is counted), otherwise ms after which to ask again
   */
  take(key: string, limit: { requests: number; windowMs: number; reserved: number }, urgent: boolean): Promise<number>;
  /** The other side said when it accepts requests again. */
  block(key: string, ms: number): Promise<void>;
}
