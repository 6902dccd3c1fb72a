/** Failures by their code: items with one cause have one remedy. */
import type { Failure } from './api/client.ts';

export interface FailureGroup {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly failures: readonly Failure[];
}

/** The largest group first; those that a person skipped come last within theirs. */
export function groupsOf(failures: readonly Failure[]): FailureGroup[] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) groups.set(failure.code, [...(groups.get(failure.code) ?? []), failure]);
  return [...groups.entries()]
    .map(([code, group]) => ({
      code,
      message: group[0]?.error ?? '',
      remedy: group[0]?.remedy ?? '',
      failures: group.sort((a, b) => Number(a.state === 'skipped') - Number(b.state === 'skipped')),
    }))
    .sort((a, b) => b.failures.length - a.failures.length || a.code.localeCompare(b.code));
}
