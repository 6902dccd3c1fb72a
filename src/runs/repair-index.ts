/**
 * Brings the search index to what the records say, one difference at a time. What has gone away since it was found is left
 * alone: each item is looked at again at the moment at which something is done about it.
 */
import { compareIndex, type IndexDifference, type IndexPorts, type IndexScope } from './compare-index.ts';

export type RepairResult =
  /** A worker puts it into the index, or takes it out. */
  | 'asked'
  /** Taken out of the index: no record knows it. */
  | 'removed'
  /** It was right by now. */
  | 'settled';

export async function repairIndex(
  ports: IndexPorts,
  scope: Omit<IndexScope, 'patientUuid'>,
  difference: IndexDifference,
): Promise<RepairResult> {
  const { desk, search } = ports;
  const { organizationId, signal } = scope;
  const { patientUuid, documentUuid } = difference;
  const { differences } = await compareIndex(ports, { organizationId, patientUuid, signal });
  const present = differences.find((other) => other.documentUuid === documentUuid);
  if (present === undefined) return 'settled';
  // The record decides under its lock whether the document shall be found or not.
  if (present.kind !== 'surplus' && (await desk.askAgain(organizationId, documentUuid))) return 'asked';
  if (present.kind === 'surplus' && (await desk.find(organizationId, documentUuid)) !== null) {
    // A document of another patient, or one that cannot be read: its task would not take this entry out.
    await search.remove({ organizationId, patientUuid }, [documentUuid], signal);
    // A task may have put it there just now.
    const after = await compareIndex(ports, { organizationId, patientUuid, signal });
    const isLost = after.differences.some((other) => other.documentUuid === documentUuid && other.kind === 'missing');
    return isLost && (await desk.askAgain(organizationId, documentUuid)) ? 'asked' : 'removed';
  }
  if (await desk.askAgain(organizationId, documentUuid)) return 'asked';
  await search.remove({ organizationId, patientUuid }, [documentUuid], signal);
  return 'removed';
}
