/** Walks an audit chain and names every place where it does not hold. Constant memory. */
import { type AuditRecord, auditHash } from './audit-entry.ts';

export interface AuditProblem {
  /**
   * `changed`: does not fit its own hash; `unlinked`: does not continue the entry before it; `missing`: not there;
   * `end`: the log does not end where it should; `beginning`: entries were removed without a purge.
   */
  readonly kind: 'changed' | 'unlinked' | 'missing' | 'end' | 'beginning';
  /** Of the first entry concerned. */
  readonly id: number;
}

export interface AuditVerdict {
  readonly entries: number;
  /** Keep it elsewhere: a later verify with it as `anchor` also notices that the whole log was written anew. */
  readonly end: ChainPoint;
  /** The first hundred. */
  readonly problems: readonly AuditProblem[];
}

export interface ChainPoint {
  readonly id: number;
  readonly hash: string;
}

export interface ExpectedChain {
  /** The last entry as the store remembers it. */
  readonly end: ChainPoint;
  /** The last purged entry; id 0 and {@link CHAIN_START} when nothing was purged. */
  readonly beginning: ChainPoint;
  /** An end that was noted earlier. Not checked when it has been purged since. */
  readonly anchor: ChainPoint | null;
}

const MOST_PROBLEMS = 100;

/** @param records ordered by id */
export async function verifyChain(records: AsyncIterable<AuditRecord>, expected: ExpectedChain): Promise<AuditVerdict> {
  const problems: AuditProblem[] = [];
  const report = (kind: AuditProblem['kind'], id: number) => {
    if (problems.length < MOST_PROBLEMS) problems.push({ kind, id });
  };
  const { beginning, end, anchor } = expected;
  let previous: ChainPoint = beginning;
  let entries = 0;
  let purge: AuditRecord | null = null;
  let anchored = anchor === null || anchor.id <= beginning.id;
  for await (const record of records) {
    entries++;
    const { hash, ...content } = record;
    if (record.id !== previous.id + 1) report('missing', previous.id + 1);
    if (auditHash(content) !== hash) report('changed', record.id);
    else if (record.previousHash !== previous.hash) report('unlinked', record.id);
    if (record.action === 'audit.purge') purge = record;
    if (anchor !== null && record.id === anchor.id && hash === anchor.hash) anchored = true;
    previous = { id: record.id, hash };
  }
  if (previous.id !== end.id || previous.hash !== end.hash) report('end', previous.id + 1);
  if (!anchored) report('end', anchor?.id ?? 0);
  // A beginning is true only when a purge, itself part of the chain, made it.
  const purged = purge?.details;
  if (beginning.id > 0 && (purged?.through !== beginning.id || purged.hash !== beginning.hash)) {
    report('beginning', beginning.id);
  }
  return { entries, end: previous, problems };
}
