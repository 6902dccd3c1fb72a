/** A request that was let in. */
import type { Account } from './accounts.ts';
import type { Files } from './files.ts';
import type { View } from './resources.ts';

export interface Call {
  readonly method: string;
  /** The path behind `/v1`, split at its slashes. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly account: Account;
  readonly userId: string;
  readonly view: View;
  readonly files: Files;
}
