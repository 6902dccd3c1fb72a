/**
 * About a thousand files that no program would write: damaged copies of real ones, and ones that are made to break their
 * reader. The same on every machine that has the same public PDFs.
 */
import { readFileSync } from 'node:fs';
import { publicPdfs } from '../document-processing.ts';
import { docxOf, LETTER, msgOf, pdfOf, xlsxOf } from '../document-samples.ts';
import { deflatedZip } from '../hostile-documents.ts';
import { randomNumbers } from '../random-numbers.ts';
import { BROKEN_ARCHIVES, locked, lyingDirectory, SLOW_ARCHIVES } from './archives.ts';
import { hugeByTheirWord, imageSamples } from './images.ts';
import { behindMagicNumber, MAGIC_NUMBERS } from './magic-numbers.ts';
import * as mutations from './mutations.ts';
import { BROKEN_PDFS, misplaced, renamed, SLOW_PDFS, swappedPlaces } from './pdfs.ts';
import { BROKEN_TEXTS, SAMPLE_TEXTS, SLOW_TEXTS } from './texts.ts';

export interface BrokenDocument {
  /** Type and damage, as in `pdf cut`. */
  readonly kind: string;
  readonly name: string;
  /** Takes seconds or much memory to make or to read. */
  readonly slow: boolean;
  readonly make: () => Buffer | Promise<Buffer>;
}

const SEED = 20_240_305;
/** Larger ones cost time and show nothing else. */
const MOST_BYTES = 60_000;
const PUBLIC_PDFS = 40;
const OF_EACH_MAGIC_NUMBER = 4;

const PDF_DAMAGE: Readonly<Record<string, readonly [mutation: mutations.Mutation, count: number]>> = {
  cut: [mutations.cut, 60],
  bits: [mutations.bits, 100],
  noise: [mutations.noise, 40],
  zeros: [mutations.zeros, 20],
  removed: [mutations.removed, 40],
  doubled: [mutations.doubled, 20],
  crossed: [mutations.crossed, 30],
  wrapped: [mutations.wrapped, 20],
  numbers: [mutations.numbers, 70],
  'swapped places': [swappedPlaces, 40],
  misplaced: [misplaced, 20],
  renamed: [renamed, 40],
};

const ARCHIVE_DAMAGE: typeof PDF_DAMAGE = {
  cut: [mutations.cut, 16],
  bits: [mutations.bits, 30],
  noise: [mutations.noise, 16],
  removed: [mutations.removed, 12],
  crossed: [mutations.crossed, 8],
  'lying directory': [lyingDirectory, 30],
  locked: [locked, 3],
};

const IMAGE_DAMAGE: typeof PDF_DAMAGE = {
  cut: [mutations.cut, 21],
  bits: [mutations.bits, 42],
  noise: [mutations.noise, 14],
  zeros: [mutations.zeros, 14],
};

const MESSAGE_DAMAGE: typeof PDF_DAMAGE = {
  cut: [mutations.cut, 8],
  bits: [mutations.bits, 20],
  noise: [mutations.noise, 12],
};

const TEXT_DAMAGE: typeof PDF_DAMAGE = {
  cut: [mutations.cut, 8],
  bits: [mutations.bits, 24],
  noise: [mutations.noise, 16],
};

export async function brokenDocuments(): Promise<readonly BrokenDocument[]> {
  const images = await imageSamples();
  return [
    ...damaged('pdf', await pdfs(), PDF_DAMAGE),
    ...damaged('office', archives(), ARCHIVE_DAMAGE),
    ...damaged('image', Object.values(images), IMAGE_DAMAGE),
    ...damaged('outlook', [msgOf({ subject: 'Your knee', from: 'Max Muster', body: LETTER })], MESSAGE_DAMAGE),
    ...damaged('text', Object.values(SAMPLE_TEXTS), TEXT_DAMAGE),
    ...made('pdf', BROKEN_PDFS, SLOW_PDFS),
    ...made('office', BROKEN_ARCHIVES, SLOW_ARCHIVES),
    ...made('text', BROKEN_TEXTS, SLOW_TEXTS),
    ...Object.entries(hugeByTheirWord(images)).map(([type, bytes]) => ({
      kind: 'image huge',
      name: `a huge ${type}`,
      slow: false,
      make: () => bytes,
    })),
    ...behindMagicNumbers(),
  ];
}

/** Every so many-th of the quick ones, at least one of each kind. */
export function sampleOf(all: readonly BrokenDocument[], every: number): readonly BrokenDocument[] {
  const seen = new Map<string, number>();
  return all.filter(({ kind, slow }) => {
    if (slow) return false;
    const before = seen.get(kind) ?? 0;
    seen.set(kind, before + 1);
    return before % every === 0;
  });
}

async function pdfs(): Promise<readonly Buffer[]> {
  const publics = publicPdfs().map((path) => readFileSync(path));
  const small = publics.filter((bytes) => bytes.length < MOST_BYTES).slice(0, PUBLIC_PDFS);
  return [await pdfOf([LETTER, LETTER]), ...small];
}

function archives(): readonly Buffer[] {
  const word = docxOf([LETTER], [['Zoe', '54']]);
  const workbook = xlsxOf({ Patients: [['Zoe', 54]] });
  const packed = deflatedZip({ '[Content_Types].xml': 'Zoe', 'word/document.xml': LETTER.repeat(100) });
  return [word, workbook, packed];
}

function* damaged(type: string, originals: readonly Buffer[], damage: typeof PDF_DAMAGE): Generator<BrokenDocument> {
  for (const [name, [mutation, count]] of Object.entries(damage)) {
    for (let number = 0; number < count; number++) {
      const original = originals[number % originals.length]!;
      const other = originals[(number + 1) % originals.length]!;
      const random = randomNumbers(SEED ^ hash(`${type} ${name} ${number}`));
      yield {
        kind: `${type} ${name}`,
        name: `${type} ${name} ${number}`,
        slow: false,
        make: () => mutation(original, random, other),
      };
    }
  }
}

function made(
  type: string,
  documents: Readonly<Record<string, () => Buffer | string | Promise<Buffer>>>,
  slow: ReadonlySet<string>,
): BrokenDocument[] {
  return Object.entries(documents).map(([name, make]) => ({
    kind: `${type} made`,
    name: `${type}, ${name}`,
    slow: slow.has(name),
    make: async () => Buffer.from((await make()) as Buffer),
  }));
}

function* behindMagicNumbers(): Generator<BrokenDocument> {
  for (const name of Object.keys(MAGIC_NUMBERS)) {
    for (let number = 0; number < OF_EACH_MAGIC_NUMBER; number++) {
      const random = randomNumbers(SEED ^ hash(`${name} ${number}`));
      yield {
        kind: 'magic number',
        name: `noise behind the magic number of ${name} ${number}`,
        slow: false,
        make: () => behindMagicNumber(name, random),
      };
    }
  }
}

function hash(text: string): number {
  let sum = 0;
  for (const character of text) sum = (Math.imul(sum, 31) + character.codePointAt(0)!) | 0;
  return sum;
}
