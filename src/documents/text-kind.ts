/** Tells text from other bytes, and HTML, mail, CSV and programs from text that is only text. */
import { decodeText, detectEncoding } from './text-encoding.ts';

/** Bytes that the decision is made on. */
const SAMPLE = 64 * 1024;

/** Windows-1252 text in any language of ours has far fewer; compressed data has about half. */
const MAX_HIGH_BYTES = 0.4;

/** Control characters that no text has. Tab, line breaks, form feed, escape and the old end-of-file mark may be there. */
const NOT_TEXT = /[\x00-\x08\x0b\x0e-\x19\x1c-\x1f]/;

/** First words of an HTML document (WHATWG MIME Sniffing §7.1). */
const HTML =
  /^(?:<!--|<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|span)(?=[\s>/]))/i;

/** Headers that only mail has. A letter that is typed into a text file may well begin with From, To and Date. */
const MAIL_ONLY = new Set(['mime-version', 'message-id', 'received', 'return-path', 'dkim-signature']);

/** Fewer lines with the same number of commas happen in letters. */
const CSV_LINES = 3;
const CSV_SAMPLE_LINES = 50;
export const CSV_DELIMITERS = [',', ';', '\t', '|'] as const;

/** @returns MIME type, or null when this is no text */
export function textKind(bytes: Uint8Array): string | null {
  const sample = bytes.subarray(0, SAMPLE);
  const encoding = detectEncoding(sample);
  if (encoding === 'windows-1252' && highBytes(sample) > MAX_HIGH_BYTES) return null;
  // The sample may end in the middle of a character, which then reads as U+FFFD: no control character.
  const text = decodeText(sample);
  if (NOT_TEXT.test(text)) return null;
  return kindOf(text.trimStart(), sample.length < bytes.length);
}

function highBytes(sample: Uint8Array): number {
  let high = 0;
  for (const byte of sample) if (byte >= 0x80) high++;
  return sample.length === 0 ? 0 : high / sample.length;
}

function kindOf(text: string, cut: boolean): string {
  if (text.startsWith('#!')) return 'text/x-shellscript';
  if (/^<\?(?:php|=)/i.test(text)) return 'application/x-httpd-php';
  if (text.startsWith('%!PS')) return 'application/postscript';
  if (/^<\?xml\s/i.test(text)) {
    const body = text.replace(/^<\?xml[^>]*\?>\s*/i, '').replace(/^(?:<!--[\s\S]*?-->\s*)+/, '');
    return /^<(?:!doctype\s+html|html)(?=[\s>])/i.test(body) ? 'text/html' : 'application/xml';
  }
  if (/^<(?:!doctype\s+)?svg(?=[\s>])/i.test(text)) return 'image/svg+xml';
  if (HTML.test(text)) return 'text/html';
  if (isMail(text)) return 'message/rfc822';
  return csvDelimiter(text, cut) === null ? 'text/plain' : 'text/csv';
}

/** RFC 5322: lines `Name: value`, continued lines indented, up to an empty line. */
function isMail(text: string): boolean {
  const names = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === '') break;
    if (/^[ \t]/.test(line) && names.size > 0) continue;
    const header = /^([\x21-\x39\x3b-\x7e]{1,76}):/.exec(line);
    // The last line of the sample may be cut off, but then the headers alone fill it.
    if (header === null) return false;
    names.add(header[1]!.toLowerCase());
  }
  return names.size >= 3 && [...names].some((name) => MAIL_ONLY.has(name));
}

/**
 * The character that divides every line of a table into the same number of cells.
 *
 * @param cut whether `text` is only the beginning, so that its last line is no whole one
 */
export function csvDelimiter(text: string, cut: boolean): (typeof CSV_DELIMITERS)[number] | null {
  const lines = text.split(/\r?\n/, CSV_SAMPLE_LINES + 1).filter((line) => line.trim() !== '');
  if (cut || lines.length > CSV_SAMPLE_LINES) lines.pop();
  if (lines.length < CSV_LINES) return null;
  for (const delimiter of CSV_DELIMITERS) {
    const counts = new Set(lines.map((line) => unquotedCount(line, delimiter)));
    // Sentences have a blank behind each comma; cells hardly ever.
    const prose = delimiter === ',' && lines.every((line) => !/,(?! )/.test(line));
    if (counts.size === 1 && !counts.has(0) && !prose) return delimiter;
  }
  return null;
}

function unquotedCount(line: string, delimiter: string): number {
  let count = 0;
  let quoted = false;
  for (const character of line) {
    if (character === '"') quoted = !quoted;
    else if (character === delimiter && !quoted) count++;
  }
  return count;
}
