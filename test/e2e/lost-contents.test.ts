/**
 * Contents that the blob store has lost or damaged, from the first word about them to the last: `verify` names them, `repair`
 * brings back what can be brought back, and what only a person has is brought by one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { type CliProcess, runCli, startService } from '../support/cli.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const LONG = 180_000;
const UPLOAD = 'What the patient wrote about the zaffre parrot.';

let setup: PracticeSetup;
let records: pg.Client;
let service: CliProcess;
let url: string;
let patient: string;
let other: string;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 3,
    attachments: 8,
    sections: {
      stores: { search: { kind: 'none' } },
      limits: { retryDelay: '10ms', documentsAtOnce: 2 },
      consistency: { at: 'never' },
    },
  });
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  [patient, other] = setup.practice.patientUuids as [string, string];
  for (const name of ['lost', 'damaged', 'rotten', 'changed', 'gone', 'parts', 'marker'])
    await addLetter(name, patient);
  await addLetter('other', other);
  await sync();
  const started = await startService({ cwd: setup.folder, env: setup.environment });
  service = started.process;
  url = started.url;
  await upload();
  await settled();
}, LONG);
afterAll(async () => {
  service?.child.kill('SIGTERM');
  await service?.result;
  await records?.end();
  await setup?.close();
});

const fileOnShare = (name: string) => join(setup.filesFolder, `notes/letter-${name}.txt`);
const textOf = (name: string) => `A letter about the ${name} parrot, which is zaffre.\n`;
const shaOf = (text: string) => createHash('sha256').update(text).digest('hex');

async function addLetter(name: string, of: string): Promise<void> {
  await writeFile(fileOnShare(name), textOf(name));
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', 'notes/letter-${name}.txt', 'Letter', '${randomUUID()}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [of],
  );
}

async function sync(mode: 'quick' | 'checksum' = 'quick'): Promise<void> {
  const { ports, settings } = setup.connection;
  expect((await syncFiles(ports, settings, { mode, trigger: 'manual' })).state).toBe('completed');
}

async function upload(): Promise<void> {
  const form = new FormData();
  form.append('patientUuid', patient);
  form.append('metadata', JSON.stringify({ vsrxReference: 'of-the-patient' }));
  form.append('file', new Blob([UPLOAD]), 'brought.txt');
  const authorization = `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`;
  const response = await fetch(`${url}/api/process`, { method: 'POST', body: form, headers: { authorization } });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}

const settled = () => until(async () => (await setup.chartsync.documentWork.open(ORGANIZATION)) === 0, LONG);

const cli = (...args: string[]) => runCli([...args, '--json'], { cwd: setup.folder, env: setup.environment });

const blobsFolder = () => join(setup.config.home, 'blobs');

function blobOf(sha256: string): string {
  return join(blobsFolder(), ORGANIZATION, sha256.slice(0, 2), sha256);
}

async function contentOf(sha256: string): Promise<string | null> {
  return readFile(blobOf(sha256), 'utf8').catch(() => null);
}

/** What was made of a letter. */
async function partsOf(name: string): Promise<{ pages: string; thumbnail: string }> {
  const { rows } = await records.query(
    'SELECT pages_sha256 AS pages, thumbnail_sha256 AS thumbnail FROM document_renditions WHERE sha256 = $1',
    [shaOf(textOf(name))],
  );
  return rows[0];
}

/** Lost and damaged contents that verify tells of, in order. */
async function verified(...args: string[]): Promise<string[]> {
  const { lines, code } = await cli('verify', CONNECTION, ...args);
  // The sample has odd files that never come to a document.
  expect([0, 3]).toContain(code);
  return lines
    .filter(({ store }) => store === 'blob')
    .map(({ kind, sha256 }) => `${kind} ${sha256}`)
    .sort();
}

interface Line {
  readonly sha256: string;
  readonly deed?: string;
  readonly result?: string;
  readonly why?: { readonly code: string | null; readonly message: string };
}

async function repair(...args: string[]): Promise<{ code: number | null; lines: Map<string, Line> }> {
  const { code, lines } = await cli('repair', CONNECTION, ...args);
  const blobs = lines.filter(({ store }) => store === 'blob') as unknown as Line[];
  return { code, lines: new Map(blobs.map((line) => [line.sha256, line])) };
}

const resultsOf = (lines: Map<string, Line>) =>
  Object.fromEntries([...lines].map(([sha256, line]) => [sha256, line.result]));

async function auditEntries(): Promise<number> {
  const { rows } = await records.query(`SELECT count(*)::int AS n FROM audit_log WHERE action = 'blobs.repair'`);
  return rows[0].n;
}

test(
  'are named and mended as far as anybody has them, and nothing else is touched',
  async () => {
    expect(await verified('--content')).toEqual([]);
    expect(await repair('--plan', '--content')).toEqual({ code: 0, lines: new Map() });

    const sha = (name: string) => shaOf(textOf(name));
    const { pages } = await partsOf('parts');
    const { thumbnail } = await partsOf('marker');
    await rm(blobOf(sha('lost')));
    await truncate(blobOf(sha('damaged')), 3);
    await writeFile(blobOf(sha('rotten')), textOf('rotten').replace('zaffre', 'purple'));
    await rm(blobOf(sha('changed')));
    await writeFile(fileOnShare('changed'), 'Another letter, of another day.\n');
    await truncate(blobOf(sha('gone')), 1);
    await rename(fileOnShare('gone'), `${fileOnShare('gone')}.away`);
    await rm(blobOf(pages));
    await truncate(blobOf(thumbnail), 10);
    await rm(blobOf(shaOf(UPLOAD)));

    const bySize = [
      `missing ${sha('lost')}`,
      `different ${sha('damaged')}`,
      `missing ${sha('changed')}`,
      `different ${sha('gone')}`,
      `missing ${pages}`,
      `different ${thumbnail}`,
      `missing ${shaOf(UPLOAD)}`,
    ].sort();
    expect(await verified()).toEqual(bySize);
    expect(await verified('--content')).toEqual([...bySize, `different ${sha('rotten')}`].sort());
    const said = await runCli(['verify', CONNECTION], { cwd: setup.folder, env: setup.environment });
    expect(said.stdout).toContain(`"chartsync repair ${CONNECTION} --plan"`);

    const planned = await repair('--plan', '--content');
    expect(planned.code).toBe(3);
    expect(Object.fromEntries([...planned.lines].map(([sha256, { deed }]) => [sha256, deed]))).toEqual({
      [sha('lost')]: 'copy',
      [sha('damaged')]: 'copy',
      [sha('rotten')]: 'copy',
      [sha('changed')]: 'copy',
      [sha('gone')]: 'copy',
      [pages]: 'read',
      [thumbnail]: 'read',
      [shaOf(UPLOAD)]: 'bring',
    });
    expect(await verified()).toEqual(bySize);
    expect(await auditEntries()).toBe(0);

    // A store whose disk is not mounted has lost nothing, whether its folder is gone, or is there and empty but for what a run makes.
    await rename(blobsFolder(), `${blobsFolder()}.away`);
    expect((await cli('repair', CONNECTION, '--apply')).code).toBe(1);
    const { chartsync } = await setup.reopen();
    await chartsync.blobs.prepare();
    expect(await cli('repair', CONNECTION, '--apply')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('blob_unavailable'),
    });
    expect((await cli('repair', CONNECTION, '--apply', '--patient', patient)).code).toBe(1);
    expect(await readdir(blobsFolder())).toEqual(['.tmp']);
    await rm(blobsFolder(), { recursive: true });
    await rename(`${blobsFolder()}.away`, blobsFolder());

    // Nor has a share that is not mounted.
    const marker = join(setup.filesFolder, '.chartsync-share');
    await rename(marker, `${marker}.away`);
    const away = await repair('--apply', '--patient', other);
    expect(away).toEqual({ code: 0, lines: new Map() });
    const without = await repair('--apply', '--patient', patient);
    expect(without.code).toBe(3);
    for (const name of ['lost', 'damaged', 'changed', 'gone']) {
      expect(without.lines.get(sha(name))).toMatchObject({ result: 'left', why: { code: 'share_unavailable' } });
    }
    expect(without.lines.get(pages)).toMatchObject({ result: 'asked' });
    expect(await contentOf(sha('lost'))).toBeNull();
    await rename(`${marker}.away`, marker);
    await settled();
    expect(await contentOf(pages)).toContain('parts parrot');
    expect((await stat(blobOf(thumbnail))).size).toBeGreaterThan(10);

    const applied = await repair('--apply', '--content');
    expect(applied.code).toBe(3);
    expect(resultsOf(applied.lines)).toEqual({
      [sha('lost')]: 'copied',
      [sha('damaged')]: 'copied',
      [sha('rotten')]: 'copied',
      [sha('changed')]: 'left',
      [sha('gone')]: 'left',
      [shaOf(UPLOAD)]: 'left',
    });
    expect(applied.lines.get(sha('changed'))!.why!.message).toContain('other content');
    expect(applied.lines.get(sha('gone'))!.why!.code).toBe('file_missing');
    expect(applied.lines.get(shaOf(UPLOAD))!.why!.message).toContain('POST /api/process');
    for (const name of ['lost', 'damaged', 'rotten']) expect(await contentOf(sha(name))).toBe(textOf(name));
    expect(await contentOf(sha('changed'))).toBeNull();
    expect(await auditEntries()).toBe(2);

    const again = await repair('--apply', '--content');
    expect(again.code).toBe(3);
    expect(resultsOf(again.lines)).toEqual({
      [sha('changed')]: 'left',
      [sha('gone')]: 'left',
      [shaOf(UPLOAD)]: 'left',
    });

    await upload();
    await rename(`${fileOnShare('gone')}.away`, fileOnShare('gone'));
    await writeFile(fileOnShare('changed'), textOf('changed'));
    const last = await repair('--apply');
    expect(last.code).toBe(0);
    expect(resultsOf(last.lines)).toEqual({ [sha('changed')]: 'copied', [sha('gone')]: 'copied' });
    expect(await repair('--apply', '--content')).toEqual({ code: 0, lines: new Map() });
    await settled();
    expect(await verified('--content')).toEqual([]);
  },
  LONG,
);

test(
  'of one patient are mended alone; by the name of the organisation, all of them',
  async () => {
    const sha = (name: string) => shaOf(textOf(name));
    await rm(blobOf(sha('lost')));
    await rm(blobOf(sha('other')));
    const one = await repair('--apply', '--patient', other);
    expect(one.code).toBe(0);
    expect(resultsOf(one.lines)).toEqual({ [sha('other')]: 'copied' });
    expect(await contentOf(sha('lost'))).toBeNull();
    const all = await cli('repair', '--organization', ORGANIZATION, '--apply');
    expect(all.code).toBe(0);
    expect(all.lines.filter(({ type }) => type === 'repaired')).toMatchObject([
      { sha256: sha('lost'), result: 'copied' },
    ]);
  },
  LONG,
);

test(
  'a part is not made again of a document that is damaged itself, and is when the share still has that',
  async () => {
    const sha = (name: string) => shaOf(textOf(name));
    const { pages } = await partsOf('rotten');
    await rm(blobOf(pages));
    // Its size tells nothing: only whoever reads it finds out.
    await writeFile(blobOf(sha('rotten')), textOf('rotten').replace('zaffre', 'purple'));
    await writeFile(fileOnShare('rotten'), 'Nothing of it is left.\n');
    const refused = await repair('--apply');
    expect(refused.code).toBe(3);
    expect(refused.lines.get(pages)).toMatchObject({ result: 'left' });
    const { rows } = await records.query('SELECT status FROM silknote_documents WHERE sha256 = $1', [sha('rotten')]);
    expect(rows).toEqual([{ status: 'complete' }]);

    await writeFile(fileOnShare('rotten'), textOf('rotten'));
    const done = await repair('--apply');
    expect(done.code).toBe(0);
    expect(resultsOf(done.lines)).toEqual({ [pages]: 'asked' });
    expect(await contentOf(sha('rotten'))).toBe(textOf('rotten'));
    await settled();
    expect(await contentOf(pages)).toContain('rotten parrot');
    expect(await repair('--apply', '--content')).toEqual({ code: 0, lines: new Map() });
  },
  LONG,
);

test(
  'a part that is damaged in the same size is made again when contents are read',
  async () => {
    const { pages } = await partsOf('damaged');
    const before = await contentOf(pages);
    await writeFile(blobOf(pages), before!.replace('zaffre', 'purple'));
    expect(await repair('--apply')).toEqual({ code: 0, lines: new Map() });
    const done = await repair('--apply', '--content');
    expect(done.code).toBe(0);
    expect(resultsOf(done.lines)).toEqual({ [pages]: 'asked' });
    await settled();
    expect(await contentOf(pages)).toBe(before);
    expect(await repair('--apply', '--content')).toEqual({ code: 0, lines: new Map() });

    // What a person brought is mended by whoever brings it once more.
    await writeFile(blobOf(shaOf(UPLOAD)), UPLOAD.replace('zaffre', 'purple'));
    await upload();
    expect(await contentOf(shaOf(UPLOAD))).toBe(UPLOAD);
  },
  LONG,
);

test(
  'a document that could not be read for the lack of its content is read when that is back',
  async () => {
    const stateOf = async (sha: string) =>
      (await records.query('SELECT status, "errorCode" AS code FROM silknote_documents WHERE sha256 = $1', [sha])).rows;
    const failFor = async (sha: string) => {
      await rm(blobOf(sha));
      await records.query('UPDATE document_renditions SET processor_version = -1 WHERE sha256 = $1', [sha]);
      const { rows } = await records.query(
        'SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents WHERE sha256 = $1',
        [sha],
      );
      expect(await setup.chartsync.desk.askAgain(ORGANIZATION, rows[0].uuid)).toBe(true);
      await settled();
      expect(await stateOf(sha)).toEqual([{ status: 'error', code: 'blob_missing' }]);
    };
    const complete = [{ status: 'complete', code: null }];
    const sha = shaOf(textOf('marker'));
    await failFor(sha);
    expect(resultsOf((await repair('--apply')).lines)).toEqual({ [sha]: 'copied' });
    await settled();
    expect(await stateOf(sha)).toEqual(complete);

    // However it came back: here a repair was killed before it could ask for the document.
    await failFor(sha);
    await writeFile(blobOf(sha), textOf('marker'));
    expect((await repair('--apply')).code).toBe(0);
    await settled();
    expect(await stateOf(sha)).toEqual(complete);

    // Nobody but a person has this one.
    await failFor(shaOf(UPLOAD));
    expect((await repair('--apply')).lines.get(shaOf(UPLOAD))).toMatchObject({ result: 'left' });
    await upload();
    await settled();
    expect(await stateOf(shaOf(UPLOAD))).toEqual(complete);
  },
  LONG,
);

test(
  'of a connection are all copied again by a run that hashes, also when the store has nothing any more',
  async () => {
    await rm(join(blobsFolder(), ORGANIZATION), { recursive: true });
    expect(await cli('repair', CONNECTION, '--plan')).toMatchObject({ code: 1 });
    await sync('checksum');
    for (const name of ['lost', 'damaged', 'other']) expect(await contentOf(shaOf(textOf(name)))).toBe(textOf(name));
    await upload();
    // A disk that is not mounted, and that got a few contents meanwhile, looks the same.
    expect(await cli('repair', CONNECTION, '--apply')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--most-are-lost'),
    });
    const applied = await repair('--apply', '--most-are-lost');
    const results = [...applied.lines.values()].map(({ result }) => result);
    expect(results).toContain('asked');
    // PDFs that were made anew before have left former ones, which nobody needs.
    expect(results.filter((result) => result !== 'asked' && result !== 'forgotten')).toEqual([]);
    expect(applied.code).toBe(0);
    await settled();
    await repair('--apply');
    expect(await verified('--content')).toEqual([]);
  },
  LONG,
);

test(
  'a released content that is gone is noted, and is told no more',
  async () => {
    const { rows } = await records.query(
      'SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents WHERE sha256 = $1',
      [shaOf(UPLOAD)],
    );
    const { desk } = setup.chartsync;
    expect(await desk.remove(ORGANIZATION, rows[0].uuid, null)).toBe('removed');
    await settled();
    await rm(blobOf(shaOf(UPLOAD)));
    expect(await verified()).toEqual([`missing ${shaOf(UPLOAD)}`]);
    expect(resultsOf((await repair('--apply')).lines)).toEqual({ [shaOf(UPLOAD)]: 'forgotten' });
    expect(await verified()).toEqual([]);
    // Whoever takes the document back is told the truth.
    expect(await desk.restore(ORGANIZATION, rows[0].uuid)).toBe('too_late');
  },
  LONG,
);
