/** What was asked and how it was answered. No header values: they hold keys. */
export interface LoggedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
  status: number;
  /** Name of the account, once the key was accepted. */
  account: string | null;
}

const MOST = 50_000;

/** The oldest half is forgotten when there are too many, so that a long-lived process does not grow. */
export function remember(requests: LoggedRequest[], entry: LoggedRequest): LoggedRequest {
  if (requests.length >= MOST) requests.splice(0, MOST / 2);
  requests.push(entry);
  return entry;
}
