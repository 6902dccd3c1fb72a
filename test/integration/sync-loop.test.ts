import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPracticeLife } from '../../simulators/vsrx/life.ts';
import { applyHeldSet } from '../../src/engine/files/apply-held.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { type Difference, verifyFiles } from '../../src/engine/files/verify-files.ts';
import type { RunResult } from '../../src/engine/run-session.ts';
import {
  CONNECTION,
  expectConverged,
  ORGANIZATION,
  type PracticeSetup,
  setUpPractice,
  storedState,
  wantedState,
} from '../support/practice-setup.ts';

let setup: PracticeSetup;

beforeEach(async () => {
  setup = await setUpPractice();
});
afterEach(async () => {
  await setup.close();
});

function sync(options: Partial<Parameters<typeof syncFiles>[2]> = {}): Promise<RunResult> {
  const { ports, settings } = setup.connection;
  return syncFiles(ports, settings, { mode: 'quick', trigger: 'manual', ...options });
}

async function documentCount(): Promise<number> {
  return setup.connection.ports.records.countDocuments(setup.connection.settings);
}

function openFailures() {
  return setup.connection.ports.runs.openFailures(setup.connection.settings);
}

describe('an undisturbed practice', () => {
  test('arrives whole, and a second run finds nothing to do', async () => {
    const first = await sync();
    expect(first.state).toBe('completed');
    expect(first.outcome).toBe('partial');
    await expectConverged(setup);
    const second = await sync();
    expect(second.counts).toMatchObject({ added: 0, updated: 0, moved: 0, removed: 0, held: 0, bytes: 0 });
    expect(second.counts.same).toBe(first.counts.added);
  });

  test('names each file that cannot be copied, with the code of the reason', async () => {
    await sync();
    const codes = (await openFailures()).map((failure) => failure.code);
    expect(new Set(codes)).toEqual(
      new Set(['unit_not_linkable', 'file_missing', 'file_path_refused', 'file_too_large', 'file_empty']),
    );
  });

  test('a scheduled run leaves earlier failures until their time, and says partial', async () => {
    const first = await sync();
    const second = await sync({ trigger: 'schedule' });
    // Only what the read itself finds wrong (rows without patient) fails anew.
    expect(second.counts).toMatchObject({ failed: 1, waiting: first.counts.failed - 1 });
    expect(second.outcome).toBe('partial');
  });

  test('a failure that a person skipped is quiet until its source changes', async () => {
    await sync();
    const { ports } = setup.connection;
    for (const failure of await openFailures()) await ports.runs.decideFailure(ORGANIZATION, failure.id, 'skip');
    const result = await sync();
    expect(result.outcome).toBe('success');
    expect(result.counts.skipped).toBeGreaterThan(0);
  });

  test('a repaired file is copied and its failure is gone', async () => {
    await sync();
    const missing = (await openFailures()).find((failure) => failure.code === 'file_missing')!;
    const rows = await setup.source.execute<{ file: string }>(
      'SELECT file FROM ax_notes_attachments WHERE file_uuid = ?',
      [missing.reference],
    );
    const path = join(setup.filesFolder, rows[0]!.file);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '%PDF-1.4\nrepaired\n%%EOF\n');
    const result = await sync();
    expect(result.counts.added).toBe(1);
    expect((await openFailures()).map((failure) => failure.code)).not.toContain('file_missing');
    await expectConverged(setup);
  });
});

describe('a living practice', () => {
  test('is followed through additions, moves, changes and deletions', async () => {
    await sync();
    const life = createPracticeLife({ seed: 3, database: setup.source, filesFolder: setup.filesFolder, maxFiles: 70 });
    for (let step = 0; step < 6; step++) {
      await life.step();
      await sync({ mode: 'deep' });
    }
    // Hard deletions need a second complete read.
    await sync({ mode: 'deep' });
    await expectConverged(setup);
  });

  test('a file whose row keeps its reference and changes its path is moved, not copied', async () => {
    await sync();
    const { row, before } = await anyDocument();
    const to = `notes/moved-${row.id}.pdf`;
    await rename(join(setup.filesFolder, row.file), join(setup.filesFolder, to));
    await setup.source.execute('UPDATE ax_notes_attachments SET file = ? WHERE id = ?', [to, row.id]);
    const result = await sync();
    expect(result.counts).toMatchObject({ added: 0, removed: 0, moved: 1, bytes: 0 });
    expect((await documentOf(before.reference))!.documentUuid).toBe(before.documentUuid);
  });

  test('a file whose row was replaced is moved: same document under the new reference', async () => {
    await sync();
    const { row, before } = await anyDocument();
    const uuid = '5a3c1d2e-1111-4222-8333-944445555666';
    await setup.source.execute('UPDATE ax_notes_attachments SET file_uuid = ? WHERE id = ?', [uuid, row.id]);
    const result = await sync();
    expect(result.counts).toMatchObject({ added: 0, removed: 0, moved: 1, missing: 0, bytes: 0 });
    expect((await documentOf(uuid))!.documentUuid).toBe(before.documentUuid);
    await expectConverged(setup);
  });

  test('a file that the source gives to another patient leaves the first one in the same run', async () => {
    await sync();
    const { row, before } = await anyDocument();
    const others = await setup.source.execute<{ id: number; uuid: string }>(
      `SELECT a.assessment_id AS id, c."silknotePatientUuid" AS uuid FROM assessments a
       JOIN candidates c ON c.candidate_id = a.candidate_id
       WHERE c."silknotePatientUuid" IS NOT NULL AND lower(c."silknotePatientUuid") <> ?`,
      [before.unit],
    );
    await setup.source.execute('UPDATE ax_notes_attachments SET assessment_id = ? WHERE id = ?', [
      others[0]!.id,
      row.id,
    ]);
    await sync();
    const state = await storedState(setup.connection);
    expect(state[before.unit]?.[before.reference]).toBeUndefined();
    expect(state[others[0]!.uuid.toLowerCase()]?.[before.reference]).toBe(before.sha256);
  });

  test('a row that vanished is removed only when a second complete read misses it too', async () => {
    await sync();
    const { row, before } = await anyDocument();
    await setup.source.execute('DELETE FROM ax_notes_attachments WHERE id = ?', [row.id]);
    const first = await sync();
    expect(first.counts).toMatchObject({ missing: 1, removed: 0 });
    expect(await documentOf(before.reference)).toBeDefined();
    const second = await sync();
    expect(second.counts).toMatchObject({ removed: 1 });
    expect(await documentOf(before.reference)).toBeUndefined();
  });

  test('a row that came back between two reads stays', async () => {
    await sync();
    const { row, before } = await anyDocument();
    const columns = 'id, assessment_id, user_id, datestamp, file, description, file_uuid, deleted';
    await setup.source.execute(`CREATE TABLE aside AS SELECT ${columns} FROM ax_notes_attachments WHERE id = ?`, [
      row.id,
    ]);
    await setup.source.execute('DELETE FROM ax_notes_attachments WHERE id = ?', [row.id]);
    expect((await sync()).counts.missing).toBe(1);
    await setup.source.execute(`INSERT INTO ax_notes_attachments (${columns}) SELECT ${columns} FROM aside`);
    await sync();
    const last = await sync();
    expect(last.counts).toMatchObject({ missing: 0, removed: 0 });
    expect(await documentOf(before.reference)).toBeDefined();
  });

  test('changed content is seen by a deep run, and the old content is released', async () => {
    await sync();
    const { row, before } = await anyDocument();
    await writeFile(join(setup.filesFolder, row.file), '%PDF-1.4\nnew content\n%%EOF\n');
    expect((await sync()).counts.updated).toBe(0);
    expect((await sync({ mode: 'deep' })).counts.updated).toBe(1);
    expect((await documentOf(before.reference))!.sha256).not.toBe(before.sha256);
    await expectConverged(setup);
  });

  test('--patient touches only that patient', async () => {
    await sync();
    const { before } = await anyDocument();
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE');
    const result = await sync({ unit: before.unit });
    const wanted = await wantedState(setup);
    expect(wanted).toEqual({});
    expect(result.counts.held + result.counts.removed).toBeGreaterThan(0);
    expect((await storedState(setup.connection))[before.unit] ?? {}).toBeDefined();
    const others = Object.keys(await storedState(setup.connection)).filter((unit) => unit !== before.unit);
    expect(others.length).toBeGreaterThan(3);
  });
});

describe('a source in trouble', () => {
  test('an emptied attachments table leaves every document in place, run after run', async () => {
    await sync();
    const documents = await documentCount();
    await setup.source.execute('DELETE FROM ax_notes_attachments');
    for (let run = 0; run < 3; run++) await sync();
    const last = await sync();
    expect(last.counts).toMatchObject({ removed: 0, held: documents });
    expect(await documentCount()).toBe(documents);
    const sets = await setup.connection.ports.runs.heldSets(ORGANIZATION);
    expect(sets.filter((set) => set.state === 'pending')).toMatchObject([
      { itemCount: documents, reason: `The source shows no items at all, and ${documents} are stored.` },
    ]);
  });

  test('an unmounted share ends the run before anything is touched', async () => {
    await sync();
    const documents = await documentCount();
    await setup.source.execute('DELETE FROM ax_notes_attachments WHERE id % 2 = 0');
    await rename(setup.filesFolder, `${setup.filesFolder}-away`);
    const away = await sync();
    expect(away).toMatchObject({ state: 'failed', error: { code: 'share_unavailable' } });
    await mkdir(setup.filesFolder);
    const empty = await sync();
    expect(empty).toMatchObject({ state: 'failed', error: { code: 'share_unavailable' } });
    expect(await documentCount()).toBe(documents);
    expect((await setup.connection.ports.runs.heldSets(ORGANIZATION)).length).toBe(0);
    await rm(setup.filesFolder, { recursive: true });
    await rename(`${setup.filesFolder}-away`, setup.filesFolder);
  });

  test('a patient who vanished is kept as an orphan and reported', async () => {
    await sync();
    const { before } = await anyDocument();
    await setup.source.execute(
      'DELETE FROM ax_notes_attachments WHERE assessment_id IN (SELECT a.assessment_id FROM assessments a JOIN candidates c ON c.candidate_id = a.candidate_id WHERE lower(c."silknotePatientUuid") = ?)',
      [before.unit],
    );
    await setup.source.execute(
      'DELETE FROM assessments WHERE candidate_id IN (SELECT candidate_id FROM candidates WHERE lower("silknotePatientUuid") = ?)',
      [before.unit],
    );
    await setup.source.execute('DELETE FROM candidates WHERE lower("silknotePatientUuid") = ?', [before.unit]);
    for (let run = 0; run < 3; run++) await sync();
    expect(await documentOf(before.reference)).toBeDefined();
    expect(
      (await openFailures()).find((failure) => failure.unit === before.unit && failure.code === 'unit_orphaned'),
    ).toBeDefined();
  });

  test('a missing column stops the run and names the column', async () => {
    await setup.source.execute('ALTER TABLE ax_notes_attachments DROP COLUMN description');
    const result = await sync();
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_mapping' } });
    expect(result.error?.message).toContain('description');
  });
});

describe('held removals', () => {
  async function holdMany(): Promise<string> {
    await sync();
    // Flagged, so one read is proof enough; more than ten percent.
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id % 3 = 0');
    const result = await sync();
    expect(result.counts.removed).toBe(0);
    expect(result.counts.held).toBeGreaterThan(5);
    const sets = await setup.connection.ports.runs.heldSets(ORGANIZATION, CONNECTION);
    return sets.find((set) => set.state === 'pending')!.id;
  }
  const decide = (id: string, approve: boolean) =>
    setup.connection.ports.runs.decideHeldSet(ORGANIZATION, id, { approve, by: 'a person', note: null }, Date.now());
  const apply = (id: string) => applyHeldSet(setup.connection.ports, setup.connection.settings, { setId: id });

  test('approved: exactly the set goes, but for what came back meanwhile', async () => {
    const id = await holdMany();
    const { items } = (await setup.connection.ports.runs.heldSet(ORGANIZATION, id))!;
    const back = items[0]!;
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE WHERE lower(file_uuid) = ? OR id = ?', [
      back.reference,
      Number(back.reference.replace('id:', '')) || 0,
    ]);
    expect(await decide(id, true)).toBe(true);
    const result = await apply(id);
    expect(result.counts.removed).toBe(items.length - 1);
    expect(await documentOf(back.reference)).toBeDefined();
    await expectConverged(setup);
  });

  test('not approved: nothing goes', async () => {
    const id = await holdMany();
    const documents = await documentCount();
    expect(await apply(id)).toMatchObject({ state: 'failed', error: { code: 'plan_stale' } });
    expect(await documentCount()).toBe(documents);
  });

  test('rejected: kept, and not held again until the source shows them once more', async () => {
    const id = await holdMany();
    const documents = await documentCount();
    expect(await decide(id, false)).toBe(true);
    expect((await sync()).counts).toMatchObject({ held: 0, removed: 0 });
    expect(await documentCount()).toBe(documents);
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE');
    await sync();
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id % 3 = 0');
    expect((await sync()).counts.held).toBeGreaterThan(5);
  });

  test('a set whose items are back in the source is withdrawn', async () => {
    const id = await holdMany();
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE');
    await sync();
    expect((await setup.connection.ports.runs.heldSet(ORGANIZATION, id))!.set.state).toBe('superseded');
    expect(await decide(id, true)).toBe(false);
  });
});

describe('verify', () => {
  const verify = async (content: boolean) => {
    const differences: Difference[] = [];
    const { ports, settings } = setup.connection;
    await verifyFiles(ports, settings, { content, signal: new AbortController().signal }, (d) => differences.push(d));
    return differences.filter((difference) => difference.code === null || !difference.code.startsWith('file_'));
  };

  test('says nothing when all is in step, and names each damage', async () => {
    await sync();
    expect(await verify(true)).toEqual([]);
    const { row, before } = await anyDocument();
    const blob = join(setup.config.home, 'blobs', ORGANIZATION, before.sha256.slice(0, 2), before.sha256);
    await rm(blob);
    await writeFile(join(setup.filesFolder, row.file), 'other content');
    const differences = await verify(true);
    expect(differences.map((d) => `${d.kind} ${d.store}`).sort()).toEqual(
      expect.arrayContaining(['different row', 'missing blob']),
    );
  });

  test('a lost blob is brought back by a checksum run', async () => {
    await sync();
    const { before } = await anyDocument();
    await rm(join(setup.config.home, 'blobs', ORGANIZATION, before.sha256.slice(0, 2), before.sha256));
    expect(await verify(false)).not.toEqual([]);
    await sync({ mode: 'checksum' });
    expect(await verify(true)).toEqual([]);
  });
});

describe('two processes', () => {
  test('one run at a time: the second start is refused and names the first', async () => {
    const other = await setup.reopen();
    const results = await Promise.allSettled([
      sync(),
      syncFiles(other.connection.ports, other.connection.settings, { mode: 'quick', trigger: 'manual' }),
    ]);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({
      reason: { code: 'connection_busy', detail: expect.stringContaining('sync_org_test_') },
    });
    await expectConverged(setup);
  });
});

async function anyDocument() {
  for await (const before of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    if (before.reference.startsWith('id:')) continue;
    const rows = await setup.source.execute<{ id: number; file: string }>(
      'SELECT id, file FROM ax_notes_attachments WHERE lower(file_uuid) = ?',
      [before.reference],
    );
    // A content that only this file has: the tests look at what happens to it.
    let twins = 0;
    for await (const other of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
      if (other.sha256 === before.sha256) twins++;
    }
    if (twins === 1 && rows[0]!.file.endsWith('.pdf')) return { row: rows[0]!, before };
  }
  throw new Error('The sample has no such document.');
}

async function documentOf(reference: string) {
  for await (const document of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    if (document.reference === reference) return document;
  }
  return undefined;
}
