/** Turns a letter about a person into a file of one of the formats that such a practice collects. Same seed, same bytes. */
import { encodeBmp, encodePng, encodeTiff } from './images.ts';
import { encodeJpeg } from './jpeg.ts';
import { LETTER_KINDS, type Letter, type LetterKind, writeLetter } from './letters.ts';
import { writeDocx, writeXlsx } from './office.ts';
import { layOut, type PdfPage, writePdf } from './pdf.ts';
import type { Person } from './people.ts';
import { createRandom, type Random } from './random.ts';
import { fillIn, type Raster, SCAN_COLUMNS, scanPage } from './raster.ts';
import { writeEml, writeHtml, writeRtf, writeTxt } from './text-files.ts';

export type FileFormat =
  | 'pdf'
  | 'scan-pdf'
  | 'jpg'
  | 'png'
  | 'tif'
  | 'bmp'
  | 'docx'
  | 'xlsx'
  | 'doc'
  | 'rtf'
  | 'txt'
  | 'html'
  | 'eml';

export interface DocumentOptions {
  readonly person: Person;
  readonly random: Random;
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** Number of the document within the practice: two documents with different numbers differ in content. */
  readonly number: number;
  /** Drawn by the usual shares when absent. */
  readonly format?: FileFormat;
}

export interface SampleDocument {
  /** Without folder and extension: lower case, hyphens. */
  readonly slug: string;
  readonly extension: string;
  readonly description: string;
  readonly bytes: Buffer;
}

export interface Content {
  document(options: DocumentOptions): SampleDocument;
}

/** In per cent. PDF dominates, the rest is what people attach without thinking. */
const SHARES: Readonly<Record<FileFormat, number>> = {
  pdf: 56,
  'scan-pdf': 7,
  jpg: 8,
  png: 5,
  tif: 4,
  bmp: 1,
  docx: 8,
  xlsx: 1,
  doc: 2,
  rtf: 2,
  txt: 2,
  html: 1,
  eml: 3,
};

/** The password of protected documents: for whoever wants to open one in a viewer. */
export const SAMPLE_PASSWORD = 'sample-2025';

export function createContent(seed: number): Content {
  // Drawing a page costs some 20 ms: each form is drawn once, then filled in for a person.
  const forms = new Map<number, Raster>();
  const scan = ({ person, random, date, number }: DocumentOptions): Raster => {
    const which = random.int(0, FORMS.length - 1);
    let form = forms.get(which);
    if (!form) {
      form = scanPage({ lines: FORMS[which]!, random: createRandom(`${seed}/form/${which}`) });
      forms.set(which, form);
    }
    return fillIn(form, [
      { line: 4, column: 16, text: `${person.firstName} ${person.lastName}` },
      { line: 5, column: 16, text: person.dob },
      { line: 6, column: 16, text: person.claimNumber },
      { line: 46, column: 2, text: `RECEIVED ${date} No. ${number}` },
    ]);
  };

  return {
    document: (options) => {
      const { person, random, date } = options;
      const format = options.format ?? drawFormat(random);
      const letter = writeLetter({ ...options, kind: random.pick(LETTER_KINDS) });
      const finish = (extension: string, bytes: Buffer, slug = letter.slug, description = letter.title) => ({
        slug,
        extension,
        description,
        bytes,
      });
      const finishScan = (extension: string, bytes: Buffer) => finish(extension, bytes, 'scan', 'Scanned form');
      switch (format) {
        case 'pdf':
          return finish('pdf', letterPdf(letter));
        case 'scan-pdf': {
          const page = scan(options);
          const image: PdfPage = { kind: 'image', jpeg: encodeJpeg(page), width: page.width, height: page.height };
          return finishScan('pdf', writePdf({ title: 'Scanned form', author: 'Sample scanner', pages: [image] }));
        }
        case 'jpg':
          return finishScan('jpg', encodeJpeg(scan(options)));
        case 'png':
          return finishScan('png', encodePng(scan(options)));
        case 'tif':
          return finishScan('tif', encodeTiff(scan(options)));
        case 'bmp':
          return finishScan('bmp', encodeBmp(scan(options)));
        case 'docx':
          return finish('docx', writeDocx(letter.title, letter.paragraphs));
        case 'xlsx':
          return finish('xlsx', writeXlsx(expenses(options)), 'expenses', 'Schedule of expenses');
        case 'doc': // Word of old saved "as .doc" what is RTF inside; such files are still around.
        case 'rtf':
          return finish(format, writeRtf(letter));
        case 'txt':
          return finish('txt', writeTxt(letter));
        case 'html':
          return finish('html', writeHtml(letter));
        case 'eml':
          return finish('eml', writeEml(letter, person.email, date), 'email', `E-mail: ${letter.title}`);
      }
    },
  };
}

/** A letter as PDF; protected when a password is given. */
export function letterPdf(letter: Letter, password?: string): Buffer {
  const head = { text: letter.title, bold: true, size: 16 };
  return writePdf({
    title: letter.title,
    author: letter.author,
    pages: layOut([head, '', ...letter.paragraphs], letter.title),
    ...(password === undefined ? {} : { password }),
  });
}

/** A letter of a given kind as PDF. */
export function pdfOf(kind: LetterKind, options: DocumentOptions, password?: string): Buffer {
  return letterPdf(writeLetter({ ...options, kind }), password);
}

function drawFormat(random: Random): FileFormat {
  let at = random.next() * 100;
  for (const [format, share] of Object.entries(SHARES) as [FileFormat, number][]) {
    at -= share;
    if (at < 0) return format;
  }
  return 'pdf';
}

function expenses({ person, random, number }: DocumentOptions): (string | number)[][] {
  const rows: (string | number)[][] = [
    ['Claim', person.claimNumber, `Schedule ${number}`],
    ['Date', 'Item', 'Amount (AUD)'],
  ];
  for (let i = 0; i < 12; i++) {
    const item = random.pick(['Consultation', 'Physiotherapy', 'Travel', 'Imaging', 'Pharmacy']);
    rows.push([
      `2025-${String(i + 1).padStart(2, '0')}-${String(random.int(1, 28)).padStart(2, '0')}`,
      item,
      random.int(20, 400),
    ]);
  }
  return rows;
}

const FORM_HEAD = ['', 'Name:', 'Date of birth:', 'Claim number:', ''];

/** Lines 4 to 6 of each are filled in; so is the stamp on line 46. */
const FORMS: readonly (readonly string[])[] = [
  [
    'RIVERSIDE SAMPLE MEDICO-LEGAL',
    'PATIENT QUESTIONNAIRE',
    '',
    ...FORM_HEAD,
    ...questionnaire([
      'Where is your pain today?',
      'How strong is it, from 0 to 10?',
      'What makes it worse?',
      'Which medicines do you take?',
      'How far can you walk?',
      'Can you lift a full shopping bag?',
      'Do you need help with housework?',
      'When did you last work full hours?',
    ]),
    'I have answered these questions myself.',
    'Signature:  (signed)',
  ],
  [
    'RIVERSIDE SAMPLE MEDICO-LEGAL',
    'CONSENT TO RELEASE RECORDS',
    '',
    ...FORM_HEAD,
    ...paragraph(
      'I agree that my clinical notes, imaging and reports may be requested from my treating practitioners and given to the party that asked for this assessment. I understand that the examiner does not become my treating doctor. I know that I may withdraw this consent in writing at any time.',
    ),
    '',
    ...paragraph(
      'A copy of this form is as valid as the original. The records are kept for seven years and then destroyed, unless the law asks for longer.',
    ),
    '',
    'Signature:  (signed)',
  ],
  [
    'SAMPLE VALLEY RADIOLOGY',
    'REPORT - COPY BY FAX',
    '',
    ...FORM_HEAD,
    ...paragraph(
      'Technique: plain films in two planes. Findings: alignment is preserved. Mild degenerative change, no fracture and no suspicious lesion. Soft tissues are unremarkable. Conclusion: no acute bony injury. Clinical correlation is suggested; MRI if symptoms persist.',
    ),
    '',
    'Dr Demo Lillypilly, Radiologist',
  ],
  [
    'PLACEHOLDER GENERAL PRACTICE',
    'CLINICAL NOTES - EXTRACT',
    '',
    ...FORM_HEAD,
    ...questionnaire([
      'Visit 1: pain after work injury, rest',
      'Visit 2: no better, physiotherapy begun',
      'Visit 3: imaging arranged',
      'Visit 4: results discussed, referral',
      'Visit 5: certificate renewed',
    ]),
    'End of extract.',
  ],
];

function questionnaire(questions: readonly string[]): string[] {
  return questions.flatMap((question) => [question, '   ..................................................', '']);
}

function paragraph(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > SCAN_COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
