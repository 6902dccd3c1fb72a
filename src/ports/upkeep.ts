/**
 * What is done from time to time by whichever process comes first.
 *
 * Contract: `claim` gives a task to one caller, at most once in `everyMs`; a caller that died holds it up no longer than that.
 */
export interface UpkeepState {
  readonly task: string;
  readonly startedAt: string;
  /** Null: it is at work, or its process died. */
  readonly finishedAt: string | null;
  /** Of the last time, when it failed. */
  readonly code: string | null;
}

export interface Upkeep {
  claim(task: string, everyMs: number): Promise<boolean>;
  done(task: string, code: string | null): Promise<void>;
  states(): Promise<readonly UpkeepState[]>;
}
