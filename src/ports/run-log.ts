/** What a run did, line by line. Ids, codes and counts only: never a name, a path or a message of a source. */
import type { ErrorCode } from '../domain/errors.ts';

export const RUN_EVENTS = ['step', 'failed', 'held', 'ended', 'cut'] as const;
/** `cut`: so many lines are kept of a run; there were more. */
export type RunEvent = (typeof RUN_EVENTS)[number];

export interface RunLogLine {
  readonly organizationId: string;
  readonly runId: string;
  /** Epoch ms. */
  readonly at: number;
  readonly event: RunEvent;
  readonly code?: ErrorCode | null;
  readonly unit?: string | null;
  readonly reference?: string | null;
  readonly step?: string;
  readonly counts?: Readonly<Record<string, number>>;
}

export type StoredLogLine = Omit<RunLogLine, 'organizationId' | 'runId'> & { readonly id: number };

export interface RunLog {
  /** Soon, and in order. What cannot be written is lost: no run waits or fails for its log. */
  write(lines: readonly RunLogLine[]): void;
  /** In order. @param after id of a line; 0: from the first */
  read(organizationId: string, runId: string, after: number, limit: number): Promise<readonly StoredLogLine[]>;
  /** Writes what is still waiting. */
  close(): Promise<void>;
}
