/** Recognises text and the kinds of documents that are text. Looks at the beginning only. */
import { isUtf8 } from 'node:buffer';

/** Windows-1252 text in any language of ours has far fewer; compressed data has about half. */
const MAX_HIGH_BYTES = 0.4;

/** Control characters that no text has. Tab, line breaks, form feed, escape and the old end-of-file mark may be there. */
const NOT_TEXT = /[\x00-\x08\x0b\x0e-\x19\x1c-\x1f]/;

/** First words of an HTML document (WHATWG MIME Sniffing §7.1). */
const HTML =
  /^(?:<!--|<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|span)(?=[\s>/]))/i;

/** Headers that only mail has. A letter that is typed into a text file may well begin with From, To and Date. */
const MAIL_ONLY = new Set(['mime-version', 'message-id', 'received', 'return-path', 'dkim-signature']);

/**
 * @param head the first bytes of the file
 * @returns MIME type, or null when this is no text
 */
export function textType(head: Buffer): string | null {
  const text = decode(head);
  if (text === null || NOT_TEXT.test(text)) return null;
  return kindOf(text.replace(/^\s+/, ''));
}

function kindOf(text: string): string {
  if (text.startsWith('#!')) return 'text/x-shellscript';
  if (/^<\?(?:php|=)/i.test(text)) return 'application/x-httpd-php';
  if (text.startsWith('%!PS')) return 'application/postscript';
  if (/^<\?xml\s/i.test(text)) {
    const body = text.replace(/^<\?xml[^>]*\?>\s*/i, '').replace(/^(?:<!--[\s\S]*?-->\s*)+/, '');
    return /^<(?:!doctype\s+html|html)(?=[\s>])/i.test(body) ? 'text/html' : 'application/xml';
  }
  if (/^<(?:!doctype\s+)?svg(?=[\s>])/i.test(text)) return 'image/svg+xml';
  if (HTML.test(text)) return 'text/html';
  return isMail(text) ? 'message/rfc822' : 'text/plain';
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

function decode(head: Buffer): string | null {
  if (head[0] === 0xff && head[1] === 0xfe) return utf16('utf-16le', head);
  if (head[0] === 0xfe && head[1] === 0xff) return utf16('utf-16be', head);
  // Settles nearly every binary file at once.
  if (head.includes(0)) return null;
  const end = lastWholeCharacter(head);
  if (isUtf8(head.subarray(0, end))) {
    const text = head.toString('utf8', 0, end);
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  }
  let high = 0;
  for (const byte of head) if (byte >= 0x80) high++;
  // The kinds of text are told apart by ASCII alone, which Windows-1252 and Latin-1 have in common.
  return high > head.length * MAX_HIGH_BYTES ? null : head.toString('latin1');
}

/** Where to cut so that no UTF-8 character is in two: the sample may end in the middle of one. */
function lastWholeCharacter(head: Buffer): number {
  for (let back = 1; back <= Math.min(3, head.length); back++) {
    const byte = head[head.length - back]!;
    if (byte < 0x80) return head.length;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? head.length - back : head.length;
  }
  return head.length;
}

function utf16(encoding: 'utf-16le' | 'utf-16be', head: Buffer): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
  } catch {
    return null;
  }
}
