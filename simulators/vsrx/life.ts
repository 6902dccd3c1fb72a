/**
 * A practice at work: each step adds some files and moves, changes, deletes or uploads again one or the other.
 *
 * The number of files stays bounded, so that a demonstration may run for weeks. The newest row is never removed: new
 * identifiers are derived from the highest id, and no identifier may ever come back.
 */
import { copyFile, lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { type Content, createContent, type FileFormat } from './content.ts';
import { hasColumn, insertRows, type PracticeDatabase } from './database.ts';
import { injuryOf, type Person } from './people.ts';
import { writeWhole } from './practice.ts';
import { createRandom, type Random } from './random.ts';

export { type ExpectedFile, type ExpectedState, expectedState } from './oracle.ts';

export interface PracticeLifeOptions {
  readonly seed: number;
  /** Tells the upload times; the machine's clock when absent. */
  readonly clock?: { now(): number };
  readonly database: PracticeDatabase;
  readonly filesFolder: string;
  /** IANA zone of the practice's wall clock. Default `Australia/Sydney`. */
  readonly timeZone?: string;
  /** From this many live rows on, as many are deleted as are added. Default 400. */
  readonly maxFiles?: number;
}

export interface LifeEvent {
  readonly kind: 'added' | 'uploaded-again' | 'moved' | 'changed' | 'deleted' | 'flagged-deleted';
  readonly id: number;
  /** `file_uuid` in lower case, or `id:<n>`. */
  readonly reference: string;
}

export interface PracticeLife {
  /** Not to be called again before it has ended. Fails with the error of the driver or file system; calling again goes on. */
  step(): Promise<LifeEvent[]>;
}

/** Rows flagged as deleted that are kept; older ones are purged, as an administrator of the practice would. */
const FLAGGED_KEPT = 40;

interface FileRow {
  readonly id: number;
  readonly assessment_id: number;
  readonly user_id: number | null;
  readonly file: string;
  readonly description: string | null;
  readonly file_uuid: string | null;
}

interface Candidate {
  readonly assessment_id: number;
  readonly candidate_id: number;
  readonly staff_id: number | null;
  readonly title: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly dob: string;
  readonly gender: string;
  readonly phone: string;
  readonly email: string;
  readonly claim_number: string;
  readonly employer: string;
  readonly injury_date: string;
}

interface Step extends Required<PracticeLifeOptions> {
  readonly content: Content;
  readonly random: Random;
  readonly flags: boolean;
  readonly rows: FileRow[];
  readonly assessments: readonly Candidate[];
  nextId: number;
}

export function createPracticeLife(options: PracticeLifeOptions): PracticeLife {
  const all = { clock: { now: () => Date.now() }, timeZone: 'Australia/Sydney', maxFiles: 400, ...options };
  const content = createContent(options.seed);
  return {
    step: async () => {
      const step = await lookAround(all, content);
      if (step.assessments.length === 0) return [];
      const events: LifeEvent[] = [];
      const { random } = step;
      for (let n = random.int(1, 3); n > 0; n--) events.push(await addFile(step));
      if (random.chance(0.3)) events.push(...(await uploadAgain(step)));
      if (random.chance(0.7)) events.push(...(await moveFile(step)));
      if (random.chance(0.7)) events.push(...(await changeFile(step)));
      const excess = step.rows.length - step.maxFiles;
      for (let n = Math.max(excess, random.chance(0.7) ? 1 : 0); n > 0; n--) events.push(...(await deleteFile(step)));
      if (step.flags) await purgeFlagged(step);
      return events;
    },
  };
}

async function lookAround(options: Required<PracticeLifeOptions>, content: Content): Promise<Step> {
  const { database, seed } = options;
  const flags = await hasColumn(database, 'ax_notes_attachments', 'deleted');
  const rows = await database.execute<FileRow>(
    `SELECT id, assessment_id, user_id, file, description, file_uuid FROM ax_notes_attachments
     ${flags ? 'WHERE deleted = FALSE' : ''} ORDER BY id`,
  );
  const assessments = await database.execute<Candidate>(
    `SELECT a.assessment_id, c.candidate_id, c.staff_id, c.title, c.first_name, c.last_name, c.dob, c.gender, c.phone, c.email,
            c.claim_number, c.employer, c.injury_date
     FROM assessments a JOIN candidates c ON c.candidate_id = a.candidate_id ORDER BY a.assessment_id`,
  );
  const [last] = await database.execute<{ id: number | null }>('SELECT MAX(id) AS id FROM ax_notes_attachments');
  const lastId = Number(last?.id ?? 0);
  return {
    ...options,
    content,
    flags,
    rows,
    assessments,
    nextId: lastId + 1,
    random: createRandom(`${seed}/step/${lastId}`),
  };
}

async function addFile(step: Step): Promise<LifeEvent> {
  const candidate = step.random.pick(step.assessments);
  const datestamp = wallClock(step.clock.now(), step.timeZone);
  const made = step.content.document({
    person: asPerson(candidate),
    random: step.random.fork(`document/${step.nextId}`),
    date: datestamp.slice(0, 10),
    number: step.nextId,
  });
  const path = `notes/${datestamp.slice(0, 4)}/${datestamp.slice(5, 7)}/${step.nextId}-${made.slug}.${made.extension}`;
  await writeWhole(join(step.filesFolder, path), made.bytes);
  return insertFile(step, 'added', {
    assessment_id: candidate.assessment_id,
    user_id: candidate.staff_id,
    file: path,
    description: made.description,
    datestamp,
  });
}

/** The same content under a new row: somebody was not sure that it had arrived. */
async function uploadAgain(step: Step): Promise<LifeEvent[]> {
  const row = await pickOrdinary(step);
  if (!row) return [];
  const { dir, name, ext } = posix.parse(row.file);
  const path = `${dir}/${shorten(name)} copy ${step.nextId}${ext}`;
  await writeWhole(join(step.filesFolder, path), await readFile(join(step.filesFolder, row.file)));
  return [
    await insertFile(step, 'uploaded-again', {
      assessment_id: row.assessment_id,
      user_id: row.user_id,
      file: path,
      description: row.description,
      datestamp: wallClock(step.clock.now(), step.timeZone),
    }),
  ];
}

async function moveFile(step: Step): Promise<LifeEvent[]> {
  const row = await pickOrdinary(step);
  if (!row) return [];
  const { name, ext } = posix.parse(row.file);
  const path = `notes/sorted/${row.assessment_id}/${shorten(name.replace(/ moved \d+$/, ''))} moved ${step.nextId}${ext}`;
  const target = join(step.filesFolder, path);
  await mkdir(dirname(target), { recursive: true });
  // Copy, point the row to it, remove: the row names an existing file at every moment.
  await copyFile(join(step.filesFolder, row.file), target);
  await step.database.execute('UPDATE ax_notes_attachments SET file = ? WHERE id = ?', [path, row.id]);
  await removeUnlessUsed(step, row.file);
  replaceRow(step, { ...row, file: path });
  return [{ kind: 'moved', id: row.id, reference: referenceOf(row) }];
}

const FORMAT_OF_EXTENSION: Readonly<Record<string, FileFormat>> = {
  '.pdf': 'pdf',
  '.docx': 'docx',
  '.txt': 'txt',
  '.jpg': 'jpg',
  '.png': 'png',
  '.tif': 'tif',
  '.rtf': 'rtf',
  '.html': 'html',
};

/** New content under the same path and reference. */
async function changeFile(step: Step): Promise<LifeEvent[]> {
  const row = await pickOrdinary(step);
  const format = row && FORMAT_OF_EXTENSION[posix.extname(row.file)];
  const candidate = step.assessments.find((one) => one.assessment_id === row?.assessment_id);
  if (!row || !format || !candidate) return [];
  const made = step.content.document({
    person: asPerson(candidate),
    random: step.random.fork(`change/${row.id}`),
    date: wallClock(step.clock.now(), step.timeZone).slice(0, 10),
    number: step.nextId,
    format,
  });
  await writeWhole(join(step.filesFolder, row.file), made.bytes);
  return [{ kind: 'changed', id: row.id, reference: referenceOf(row) }];
}

async function deleteFile(step: Step): Promise<LifeEvent[]> {
  const row = await pickOrdinary(step);
  if (!row) return [];
  const flag = step.flags && step.random.chance(0.7);
  await step.database.execute(
    flag
      ? 'UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = ?'
      : 'DELETE FROM ax_notes_attachments WHERE id = ?',
    [row.id],
  );
  // A flagged row usually keeps its file until somebody cleans up.
  if (!flag || step.random.chance(0.3)) await removeUnlessUsed(step, row.file);
  step.rows.splice(step.rows.indexOf(row), 1);
  return [{ kind: flag ? 'flagged-deleted' : 'deleted', id: row.id, reference: referenceOf(row) }];
}

async function purgeFlagged(step: Step): Promise<void> {
  const flagged = await step.database.execute<FileRow>(
    'SELECT id, file FROM ax_notes_attachments WHERE deleted = TRUE ORDER BY id',
  );
  for (const row of flagged.slice(0, Math.max(0, flagged.length - FLAGGED_KEPT))) {
    await step.database.execute('DELETE FROM ax_notes_attachments WHERE id = ?', [row.id]);
    if (isPlainPath(row.file)) await removeUnlessUsed(step, row.file);
  }
}

async function insertFile(
  step: Step,
  kind: 'added' | 'uploaded-again',
  file: Omit<FileRow, 'id' | 'file_uuid'> & { datestamp: string },
): Promise<LifeEvent> {
  // VSRX itself does not know the added column: now and then a row has none.
  const uuid = step.nextId % 25 === 0 ? null : step.random.fork(`uuid/${step.nextId}`).uuid();
  await insertRows(
    step.database,
    'ax_notes_attachments',
    ['assessment_id', 'user_id', 'datestamp', 'file', 'description', 'file_uuid'],
    [[file.assessment_id, file.user_id, file.datestamp, file.file, file.description, uuid]],
  );
  const [inserted] = await step.database.execute<{ id: number }>(
    'SELECT MAX(id) AS id FROM ax_notes_attachments WHERE assessment_id = ? AND file = ?',
    [file.assessment_id, file.file],
  );
  const row = { ...file, id: Number(inserted?.id), file_uuid: uuid };
  step.rows.push(row);
  step.nextId = row.id + 1;
  return { kind, id: row.id, reference: referenceOf(row) };
}

/** Some file that exists and is neither special nor the newest. */
async function pickOrdinary(step: Step): Promise<FileRow | null> {
  for (let attempt = 0; attempt < 20 && step.rows.length > 1; attempt++) {
    const row = step.rows[step.random.int(0, step.rows.length - 2)]!;
    if (!isPlainPath(row.file)) continue;
    const stat = await lstat(join(step.filesFolder, row.file)).catch(() => null);
    if (stat?.isFile() && stat.size > 0 && stat.size < 5_000_000) return row;
  }
  return null;
}

function isPlainPath(path: string): boolean {
  return path.startsWith('notes/') && posix.normalize(path) === path && !path.includes('\\');
}

async function removeUnlessUsed(step: Step, path: string): Promise<void> {
  const users = await step.database.execute(
    `SELECT id FROM ax_notes_attachments WHERE file = ?${step.flags ? ' AND deleted = FALSE' : ''} LIMIT 1`,
    [path],
  );
  if (users.length === 0) await rm(join(step.filesFolder, path), { force: true });
}

function replaceRow(step: Step, row: FileRow): void {
  step.rows[step.rows.findIndex(({ id }) => id === row.id)] = row;
}

function referenceOf(row: FileRow): string {
  return row.file_uuid?.toLowerCase() ?? `id:${row.id}`;
}

/** Leaves room for what is appended: names have at most 255 bytes. */
function shorten(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > 200) short = [...short].slice(0, -1).join('');
  return short;
}

function asPerson(candidate: Candidate): Person {
  return {
    title: candidate.title,
    firstName: candidate.first_name,
    lastName: candidate.last_name,
    dob: candidate.dob,
    gender: candidate.gender,
    phone: candidate.phone,
    email: candidate.email,
    claimNumber: candidate.claim_number,
    employer: candidate.employer,
    injuryDate: candidate.injury_date,
    injury: injuryOf(candidate.candidate_id),
  };
}

/** @returns `YYYY-MM-DD HH:MM:SS` on the practice's wall */
function wallClock(epochMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(epochMs);
}
