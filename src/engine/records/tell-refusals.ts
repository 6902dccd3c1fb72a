/** A source that refuses to show hidden records of a list: what a copy then cannot know, and since when, stands among the failures. */
import type { HiddenKind, RecordStream } from '../../domain/clinic.ts';
import { SyncError } from '../../domain/errors.ts';
import type { StoredRecord } from '../../ports/clinic-records.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { RunSession } from '../run-session.ts';
import type { RecordPorts } from './settings.ts';

const KINDS: readonly HiddenKind[] = ['archived', 'cancelled', 'deleted'];
/** Whether a source shows deleted records at all is nowhere promised, and a deleted one is missed in the night. */
const EXPECTED: ReadonlySet<HiddenKind> = new Set(['deleted']);

/**
 * The list was read: what stood against it before is over, what is refused now is told.
 *
 * @returns whether the list is good only in part: something is refused that was promised, and no person has taken note of it
 */
export async function tellRefusals(
  { runs, source }: RecordPorts,
  key: ConnectionKey,
  session: RunSession,
  stream: RecordStream,
): Promise<boolean> {
  const refused = source.refusals(stream);
  const shown = KINDS.filter((kind) => !refused.includes(kind));
  await runs.resolveFailures(
    session.fence,
    ['', ...shown].map((reference) => ({ unit: stream, reference })),
  );
  if (refused.length === 0) return false;
  const open = await runs.openFailures(key, stream);
  const isSkipped = (kind: HiddenKind) =>
    open.some((f) => f.reference === kind && f.code === 'source_filter_refused' && f.state === 'skipped');
  const told = refused.filter((kind) => !isSkipped(kind));
  const { code, action } = new SyncError('source_filter_refused');
  await runs.recordFailures(
    session.fence,
    told.map((kind) => ({
      unit: stream,
      reference: kind,
      operation: 'inspect',
      code,
      action,
      message: new SyncError('source_filter_refused', { detail: `List: ${stream}. Refused: ${kind}_at:*.` }).message,
      fingerprint: kind,
      nextRetryAt: null,
    })),
  );
  const surprising = refused.filter((kind) => !EXPECTED.has(kind));
  const failed = surprising.filter((kind) => told.includes(kind)).length;
  session.count({ failed, skipped: surprising.length - failed });
  return failed > 0;
}

/** It was hidden when the source last showed it, and such records are not shown any more: it is not missing. */
export function isHiddenAsBefore(stored: StoredRecord, refused: readonly HiddenKind[]): boolean {
  return stored.hidden.some((kind) => refused.includes(kind));
}
