/**
 * Time and chance. The engine never asks the machine for either: the simulation replaces both.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number;
  uuid(): string;
}
