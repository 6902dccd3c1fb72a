import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExpectedChain, verifyChain } from './audit-chain.ts';
import { type AuditRecord, auditHash, CHAIN_START } from './audit-entry.ts';

type Content = Omit<AuditRecord, 'hash'>;

function entry(id: number, previousHash: string, change: Partial<Content> = {}): AuditRecord {
  const content: Content = {
    id,
    at: new Date(1_700_000_000_000 + id).toISOString(),
    previousHash,
    organizationId: 'org',
    actor: { kind: 'key', id: 'key_1' },
    action: 'sync.start',
    subject: { kind: 'connection', id: 'vsrx' },
    result: 'ok',
    requestId: 'req_1',
    details: { mode: 'quick', items: id },
    ...change,
  };
  return { ...content, hash: auditHash(content) };
}

function chain(length: number, first = 1, before = CHAIN_START): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let id = first; id < first + length; id++) records.push(entry(id, records.at(-1)?.hash ?? before));
  return records;
}

const pointOf = ({ id, hash }: AuditRecord) => ({ id, hash });
const START = { id: 0, hash: CHAIN_START };

async function verify(records: readonly AuditRecord[], expected: Partial<ExpectedChain> = {}) {
  async function* stream() {
    yield* records;
  }
  const last = records.at(-1);
  const end = last === undefined ? START : pointOf(last);
  return verifyChain(stream(), { beginning: START, end, anchor: null, ...expected });
}

describe('an audit chain', () => {
  it('that nobody touched has no problems', async () => {
    const records = chain(5);
    expect(await verify(records)).toEqual({ entries: 5, end: pointOf(records[4]!), problems: [] });
    expect(await verify([])).toEqual({ entries: 0, end: START, problems: [] });
  });

  it('names an entry that was changed, whichever field', async () => {
    const changes: Partial<Content>[] = [
      { organizationId: 'other' },
      { at: '2020-01-01T00:00:00.000Z' },
      { actor: { kind: 'token', id: 'key_1' } },
      { actor: { kind: 'key', id: 'key_2' } },
      { action: 'sync.stop' },
      { subject: null },
      { subject: { kind: 'run', id: 'vsrx' } },
      { subject: { kind: 'connection', id: 'other' } },
      { result: 'refused' },
      { requestId: null },
      { details: {} },
      { details: { mode: 'quick', items: 4 } },
    ];
    for (const change of changes) {
      const records = chain(4);
      records[2] = { ...records[2]!, ...change };
      expect((await verify(records)).problems).toEqual([{ kind: 'changed', id: 3 }]);
    }
  });

  it('does not depend on the order of the details', () => {
    const { hash: _, ...content } = entry(1, CHAIN_START);
    expect(auditHash({ ...content, details: { b: 1, a: 2, c: 3 } })).toBe(
      auditHash({ ...content, details: { c: 3, a: 2, b: 1 } }),
    );
  });

  it('names an entry that was removed, and what followed it', async () => {
    const records = chain(4);
    const { problems } = await verify(records.toSpliced(1, 1), { end: pointOf(records[3]!) });
    expect(problems).toEqual([
      { kind: 'missing', id: 2 },
      { kind: 'unlinked', id: 3 },
    ]);
  });

  it('names an entry that was rewritten with a hash of its own', async () => {
    const records = chain(4);
    records[1] = entry(2, records[0]!.hash, { action: 'sync.stop' });
    expect((await verify(records)).problems).toEqual([{ kind: 'unlinked', id: 3 }]);
  });

  it('names an end that was cut off', async () => {
    const records = chain(4);
    expect((await verify(records.slice(0, 3), { end: pointOf(records[3]!) })).problems).toEqual([
      { kind: 'end', id: 4 },
    ]);
    const other = { id: 4, hash: 'f'.repeat(64) };
    expect((await verify(records, { end: other })).problems).toEqual([{ kind: 'end', id: 5 }]);
  });

  it('written anew as a whole is noticed by an end that was noted before', async () => {
    const noted = pointOf(chain(3)[2]!);
    const anew: AuditRecord[] = [];
    for (let id = 1; id <= 4; id++) anew.push(entry(id, anew.at(-1)?.hash ?? CHAIN_START, { action: 'other' }));
    expect((await verify(anew)).problems).toEqual([]);
    expect((await verify(anew, { anchor: noted })).problems).toEqual([{ kind: 'end', id: 3 }]);
    expect((await verify(chain(4), { anchor: noted })).problems).toEqual([]);
  });

  it('may begin late only where a purge of its own says so', async () => {
    const whole = chain(6);
    const beginning = pointOf(whole[2]!);
    const purge = entry(7, whole[5]!.hash, { action: 'audit.purge', details: { through: 3, hash: beginning.hash } });
    const kept = [...whole.slice(3), purge];
    expect((await verify(kept, { beginning })).problems).toEqual([]);
    expect((await verify(kept, { beginning, anchor: pointOf(whole[2]!) })).problems).toEqual([]);
    expect((await verify(whole.slice(3), { beginning })).problems).toEqual([{ kind: 'beginning', id: 3 }]);
    for (const details of [
      { through: 2, hash: beginning.hash },
      { through: 3, hash: 'other' },
    ]) {
      const wrong = entry(7, whole[5]!.hash, { action: 'audit.purge', details });
      expect((await verify([...whole.slice(3), wrong], { beginning })).problems).toEqual([
        { kind: 'beginning', id: 3 },
      ]);
    }
  });

  it('names at most a hundred problems, and counts all entries', async () => {
    const records = chain(150).map((record) => ({ ...record, action: 'other' }));
    const { entries, problems } = await verify(records);
    expect([entries, problems.length]).toEqual([150, 100]);
  });

  it('with any one entry changed, removed, doubled or swapped is never whole', async () => {
    const kinds = fc.constantFrom('change', 'remove', 'double', 'swap');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.nat(), kinds, async (length, pick, kind) => {
        const records = chain(length);
        const at = pick % (kind === 'swap' ? length - 1 : length);
        const damaged = [...records];
        if (kind === 'change') damaged[at] = { ...records[at]!, requestId: 'other' };
        else if (kind === 'remove') damaged.splice(at, 1);
        else if (kind === 'double') damaged.splice(at, 0, records[at]!);
        else [damaged[at], damaged[at + 1]] = [records[at + 1]!, records[at]!];
        expect((await verify(damaged, { end: pointOf(records.at(-1)!) })).problems).not.toEqual([]);
      }),
    );
  });
});
