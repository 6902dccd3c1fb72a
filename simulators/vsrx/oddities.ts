/**
 * The files that make a real share hard: broken, protected, huge, doubled, oddly named, or not where the database says.
 *
 * Each appears once in a sample practice, the most telling ones first, so that a small practice has them too.
 */
import { type DocumentOptions, pdfOf, SAMPLE_PASSWORD } from './content.ts';

export interface Oddity {
  readonly label: string;
  readonly description: string;
  /** File name below the month's folder, or a whole path when it begins with `=`. */
  readonly name: string;
  readonly content:
    | { readonly kind: 'bytes'; readonly make: (options: DocumentOptions) => Buffer }
    /** The content of an earlier oddity. */
    | { readonly kind: 'same-as'; readonly label: string }
    /** A PDF header and then nothing: takes no room on disk. */
    | { readonly kind: 'sparse'; readonly size: number }
    /** The row exists, the file is not written. */
    | { readonly kind: 'none' };
}

/** Just above the limit of 50 MiB. */
const OVERSIZED = 50 * 1024 * 1024 + 1;

/** Lies outside `notes/`: whoever delivers this file's content has ignored the path rules. */
export const OUTSIDE_FILE = {
  path: 'config/settings.inc.php',
  content: "<?php $db_password = 'sample-not-for-you';\n",
};

const letter: Oddity['content'] = { kind: 'bytes', make: (options) => pdfOf('referral', options) };
const report: Oddity['content'] = { kind: 'bytes', make: (options) => pdfOf('specialist-report', options) };

export const ODDITIES: readonly Oddity[] = [
  {
    label: 'encrypted',
    name: 'psychiatric report (protected).pdf',
    description: 'Psychiatric report, password protected',
    content: { kind: 'bytes', make: (options) => pdfOf('specialist-report', options, SAMPLE_PASSWORD) },
  },
  {
    label: 'truncated',
    name: 'report-upload-interrupted.pdf',
    description: 'Report, upload was interrupted',
    content: {
      kind: 'bytes',
      make: (options) => {
        const whole = pdfOf('specialist-report', options);
        return whole.subarray(0, Math.floor(whole.length * 0.6));
      },
    },
  },
  { label: 'missing', name: 'removed-by-hand.pdf', description: 'Referral', content: { kind: 'none' } },
  { label: 'original', name: 'gp-referral.pdf', description: 'GP referral', content: letter },
  {
    label: 'duplicate',
    name: 'gp-referral (1).pdf',
    description: 'GP referral, sent again',
    content: { kind: 'same-as', label: 'original' },
  },
  {
    label: 'empty',
    name: 'fax-0000.pdf',
    description: 'Incoming fax',
    content: { kind: 'bytes', make: () => Buffer.alloc(0) },
  },
  {
    label: 'unsupported',
    name: 'mri-series.dcm',
    description: 'MRI series',
    content: {
      kind: 'bytes',
      make: ({ random }) => Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), random.bytes(6000)]),
    },
  },
  {
    label: 'outside',
    name: `=notes/../${OUTSIDE_FILE.path}`,
    description: 'Path leads out of the notes folder',
    content: { kind: 'none' },
  },
  {
    label: 'oversized',
    name: 'surveillance-binder.pdf',
    description: 'Surveillance binder, all volumes',
    content: { kind: 'sparse', size: OVERSIZED },
  },
  { label: 'umlaut', name: 'Überweisung Größe – Prüfung.pdf', description: 'Überweisung', content: letter },
  { label: 'cjk', name: '紹介状 検査報告.pdf', description: '紹介状', content: letter },
  { label: 'emoji', name: 'x-ray 🩻 left knee 👍.pdf', description: 'X-ray 🩻', content: report },
  // The same letters as separate marks: equal to the eye, another name to the file system.
  { label: 'nfd', name: 'résumé médical.pdf'.normalize('NFD'), description: 'Résumé médical', content: letter },
  { label: 'quotes', name: `O'Sample "final" copy.pdf`, description: `Report "final"`, content: report },
  { label: 'leading-dash', name: '-rf report.pdf', description: 'Report', content: report },
  { label: 'spaces', name: '  two  spaces .pdf', description: 'Letter', content: letter },
  { label: 'shell', name: '$(date) & report; 100%25 #1.pdf', description: 'Report & annex', content: report },
  { label: 'long-name', name: `${'annexure-'.repeat(26)}end.pdf`, description: 'Annexures', content: letter },
  { label: 'no-extension', name: 'SCAN0001', description: 'Scan without extension', content: letter },
  { label: 'wrong-extension', name: 'photo.jpg', description: 'Photo (is a PDF)', content: letter },
  { label: 'upper-extension', name: 'REPORT.PDF', description: 'Report', content: report },
  {
    label: 'duplicate-elsewhere',
    name: 'filed-under-wrong-patient.pdf',
    description: 'GP referral (another patient has it too)',
    content: { kind: 'same-as', label: 'original' },
  },
  {
    label: 'absolute',
    name: '=/etc/hostname',
    description: 'Absolute path',
    content: { kind: 'none' },
  },
  {
    label: 'backslash',
    name: '=notes\\legacy\\import.pdf',
    description: 'Imported from the old system',
    content: { kind: 'none' },
  },
];
