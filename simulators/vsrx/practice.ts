/**
 * Creates a sample practice: a VSRX database and the folder with its files, about invented people.
 *
 * Files are written first and the rows in one transaction afterwards: an interrupted creation leaves no rows, so the next
 * call starts over. A practice that has patients is never touched.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { type Content, createContent, type DocumentOptions } from './content.ts';
import { insertRows, type PracticeDatabase, resumeIdentity } from './database.ts';
import { ODDITIES, type Oddity, OUTSIDE_FILE } from './oddities.ts';
import { inventPeople, type Person, SPECIALISTS } from './people.ts';
import { createRandom, type Random } from './random.ts';
import { type VsrxSchemaOptions, vsrxSchema } from './schema.ts';

export interface SamplePracticeOptions {
  /** Same seed and sizes: same rows, same bytes. */
  readonly seed: number;
  /** Default 40. One of them has no `silknotePatientUuid`, one has no files. */
  readonly patients?: number;
  /** Default 300. */
  readonly attachments?: number;
  /** The web application's root; files go to `notes/` below it. Created when absent. */
  readonly filesFolder: string;
  readonly database: PracticeDatabase;
  /** Default: neither the `deleted` column nor the filesets table. */
  readonly schema?: VsrxSchemaOptions;
}

export interface SamplePractice {
  /** False when the practice was there before. */
  readonly created: boolean;
  readonly patients: number;
  readonly attachments: number;
  /** Lower-case UUIDs in the order of `candidate_id`, without those candidates that have none. */
  readonly patientUuids: readonly string[];
}

/** Lies in the root of the share: while it is there, the share is mounted. */
export const SHARE_MARKER = '.chartsync-share';

const STAFF = SPECIALISTS.length;
/** Every 25th file has no UUID: it was uploaded before the integration, or by a part of VSRX that does not know it. */
const WITHOUT_UUID = 25;

export async function createSamplePractice(options: SamplePracticeOptions): Promise<SamplePractice> {
  const { database, filesFolder, seed, patients = 40, attachments = 300 } = options;
  for (const statement of vsrxSchema(database.dialect, options.schema)) await database.execute(statement);
  if (await hasPatients(database)) return describe(database, false);

  const plan = planPractice(seed, patients, attachments);
  await writeShare(plan, createContent(seed), filesFolder);
  await database.transaction(async (transaction) => {
    await insertRows(transaction, 'staff', STAFF_COLUMNS, plan.staff);
    await insertRows(transaction, 'candidates', CANDIDATE_COLUMNS, plan.candidates);
    await insertRows(transaction, 'assessments', ASSESSMENT_COLUMNS, plan.assessments);
    await insertRows(
      transaction,
      'ax_notes_attachments',
      ATTACHMENT_COLUMNS,
      plan.files.map((file) => file.row),
    );
    if (options.schema?.filesets)
      await insertRows(transaction, 'silknote_patient_filesets', FILESET_COLUMNS, plan.filesets);
    await resumeIdentity(transaction, 'staff', 'staff_id');
    await resumeIdentity(transaction, 'candidates', 'candidate_id');
    await resumeIdentity(transaction, 'assessments', 'assessment_id');
    await resumeIdentity(transaction, 'ax_notes_attachments', 'id');
  });
  return describe(database, true);
}

const STAFF_COLUMNS = ['staff_id', 'username', 'first_name', 'last_name', 'email', 'created', 'silknoteUserUuid'];
const CANDIDATE_COLUMNS = [
  'candidate_id',
  'staff_id',
  'title',
  'first_name',
  'last_name',
  'dob',
  'gender',
  'phone',
  'email',
  'claim_number',
  'employer',
  'injury_date',
  'created',
  'silknotePatientUuid',
];
const ASSESSMENT_COLUMNS = [
  'assessment_id',
  'candidate_id',
  'assessment_type',
  'assessment_date',
  'location',
  'status',
];
const ATTACHMENT_COLUMNS = ['id', 'assessment_id', 'user_id', 'datestamp', 'file', 'description', 'file_uuid'];
const FILESET_COLUMNS = [
  'silknotePatientUuid',
  'silknoteUserUuid',
  'activatedUse',
  'activatedUseTime',
  'patientName',
  'patientDob',
  'gender',
];

type Cells = readonly unknown[];

interface PlannedFile {
  readonly row: Cells;
  /** Of an ordinary file only the folder, until it is written and its format is known. */
  readonly path: string;
  readonly oddity: Oddity | null;
  readonly document: DocumentOptions;
}

interface Plan {
  readonly staff: Cells[];
  readonly candidates: Cells[];
  readonly assessments: Cells[];
  readonly filesets: Cells[];
  readonly files: PlannedFile[];
}

interface Assessment {
  readonly id: number;
  readonly person: Person;
}

function planPractice(seed: number, patients: number, attachments: number): Plan {
  const random = createRandom(seed);
  const people = inventPeople(random.fork('people'), patients);
  const staffUuids = SPECIALISTS.map((_, i) => random.fork(`staff/${i}`).uuid());
  const staff = SPECIALISTS.map(({ name }, i) => {
    const [, first, last] = name.split(' ');
    const user = `${first}.${last}`.toLowerCase();
    return [i + 1, user, first, last, `${user}@example.com`, '2024-01-02 09:00:00', staffUuids[i]];
  });

  const candidates: Cells[] = [];
  const assessments: Cells[] = [];
  const filesets: Cells[] = [];
  const withFiles: Assessment[] = [];
  people.forEach((person, i) => {
    const own = random.fork(`candidate/${i}`);
    const id = i + 1;
    // Few in number, but each changes what a connector may conclude: no UUID = cannot be linked; no files = nothing to copy.
    const uuid = patients > 2 && i === patients - 1 ? null : own.uuid();
    const withoutFiles = patients > 3 && i === patients - 2;
    const staffId = own.int(1, STAFF);
    candidates.push([
      id,
      staffId,
      person.title,
      person.firstName,
      person.lastName,
      person.dob,
      person.gender,
      person.phone,
      person.email,
      person.claimNumber,
      person.employer,
      person.injuryDate,
      '2024-12-02 10:00:00',
      uuid,
    ]);
    if (uuid) {
      const activated = id % 4 !== 0;
      filesets.push([
        uuid,
        staffUuids[staffId - 1],
        activated,
        activated ? '2025-02-03 12:00:00' : null,
        `${person.firstName} ${person.lastName}`,
        person.dob.split('-').reverse().join('/'),
        person.gender,
      ]);
    }
    for (let n = own.int(1, 3); n > 0; n--) {
      const assessmentId = assessments.length + 1;
      const type = own.pick(['Initial assessment', 'Re-assessment', 'Impairment assessment', 'File review']);
      assessments.push([
        assessmentId,
        id,
        type,
        dateTime(own),
        own.pick(['Sampleton', 'Harbour rooms', 'Video']),
        'completed',
      ]);
      if (!withoutFiles) withFiles.push({ id: assessmentId, person });
    }
  });
  return { staff, candidates, assessments, filesets, files: planFiles(random, withFiles, attachments) };
}

function planFiles(random: Random, assessments: readonly Assessment[], count: number): PlannedFile[] {
  if (assessments.length === 0) return [];
  // At most half of a small practice is odd; the rest must still look like a practice.
  const odd = ODDITIES.slice(0, Math.floor(count / 2));
  const spacing = odd.length ? Math.floor(count / odd.length) : 0;
  const files: PlannedFile[] = [];
  for (let i = 0; i < count; i++) {
    const own = random.fork(`file/${i}`);
    const id = i + 1;
    const oddity = spacing && i % spacing === 1 ? (odd[Math.floor(i / spacing)] ?? null) : null;
    // The first ones go round, so that every patient has a file before chance gives somebody forty.
    const assessment = i < assessments.length ? assessments[i]! : own.pick(assessments);
    const datestamp = dateTime(own);
    const uuid = own.uuid();
    const storedUuid = id % WITHOUT_UUID === 0 ? null : id === 3 ? uuid.toUpperCase() : uuid;
    const path = oddity?.name.startsWith('=')
      ? oddity.name.slice(1)
      : posix.join('notes', datestamp.slice(0, 4), datestamp.slice(5, 7), oddity?.name ?? '');
    files.push({
      row: [id, assessment.id, own.int(1, STAFF), datestamp, path, oddity?.description ?? null, storedUuid],
      path,
      oddity,
      document: { person: assessment.person, random: own.fork('document'), date: datestamp.slice(0, 10), number: id },
    });
  }
  return files;
}

async function writeShare(plan: Plan, content: Content, filesFolder: string): Promise<void> {
  await mkdir(join(filesFolder, 'notes'), { recursive: true });
  await writeWhole(join(filesFolder, OUTSIDE_FILE.path), Buffer.from(OUTSIDE_FILE.content));

  const written = new Map<string, Buffer>();
  let pending: Promise<void>[] = [];
  for (const [index, file] of plan.files.entries()) {
    const { oddity } = file;
    if (!oddity) {
      const made = content.document(file.document);
      const path = `${file.path}/${file.document.number}-${made.slug}.${made.extension}`;
      const [id, assessment, user, datestamp, , , uuid] = file.row;
      plan.files[index] = { ...file, path, row: [id, assessment, user, datestamp, path, made.description, uuid] };
      pending.push(writeWhole(join(filesFolder, path), made.bytes));
    } else if (oddity.content.kind === 'sparse') {
      pending.push(writeSparse(join(filesFolder, file.path), oddity.content.size));
    } else if (oddity.content.kind !== 'none') {
      const bytes =
        oddity.content.kind === 'bytes' ? oddity.content.make(file.document) : written.get(oddity.content.label);
      if (!bytes) throw new Error(`the oddity ${oddity.label} repeats one that comes later`);
      written.set(oddity.label, bytes);
      pending.push(writeWhole(join(filesFolder, file.path), bytes));
    }
    if (pending.length >= 32) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
  await writeWhole(join(filesFolder, SHARE_MARKER), Buffer.from('The file share of a sample practice.\n'));
}

/** Appears under its name only when it is complete: a sync may be reading the folder. */
export async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Not the name plus a suffix: the longest allowed name has no room for one.
  const temporary = join(dirname(path), `.${randomUUID()}.part`);
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}

async function writeSparse(path: string, size: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  try {
    await file.write('%PDF-1.6\n');
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

async function hasPatients(database: PracticeDatabase): Promise<boolean> {
  return (await database.execute('SELECT candidate_id FROM candidates LIMIT 1')).length > 0;
}

async function describe(database: PracticeDatabase, created: boolean): Promise<SamplePractice> {
  const candidates = await database.execute<{ uuid: string | null }>(
    `SELECT ${database.dialect === 'mysql' ? '`silknotePatientUuid`' : '"silknotePatientUuid"'} AS uuid FROM candidates ORDER BY candidate_id`,
  );
  const [files] = await database.execute<{ n: number | string }>('SELECT COUNT(*) AS n FROM ax_notes_attachments');
  return {
    created,
    patients: candidates.length,
    attachments: Number(files?.n ?? 0),
    patientUuids: candidates.flatMap(({ uuid }) => (uuid ? [uuid.toLowerCase()] : [])),
  };
}

/** Between January 2025 and June 2026, in office hours. */
function dateTime(random: Random): string {
  const month = random.int(0, 17);
  const year = 2025 + Math.floor(month / 12);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${year}-${two((month % 12) + 1)}-${two(random.int(1, 28))} ${two(random.int(8, 17))}:${two(random.int(0, 59))}:${two(random.int(0, 59))}`;
}
