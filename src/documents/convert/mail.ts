/** Mail: who, to whom, when, what about; the names of the attachments; the text. */
import PostalMime, { type Address } from 'postal-mime';
import { Refusal } from '../refusal.ts';
import { type HtmlBlock, htmlBlocks } from '../rendition/html-blocks.ts';
import type { Converted, Source } from './converter.ts';
import { setBlocks } from './set-blocks.ts';
import { textBlocks } from './text.ts';

/** A mail in a mail in a mail; deeper ones are made to break parsers. */
const MAX_NESTING = 32;

export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  readonly subject: string;
  /** As the sender's clock and zone had it. */
  readonly date: string;
  readonly attachments: readonly string[];
  readonly html: string | null;
  readonly text: string | null;
  /** `YYYY-MM-DD` */
  readonly sentOn: string | null;
}

export async function convertMail({ bytes, job }: Source): Promise<Converted> {
  let mail: Mail;
  try {
    const parsed = await PostalMime.parse(bytes, { maxNestingDepth: MAX_NESTING, forceRfc822Attachments: true });
    const date = parsed.headers.find((header) => header.key === 'date')?.value ?? parsed.date ?? '';
    mail = {
      from: parsed.from === undefined ? '' : addressText(parsed.from),
      to: (parsed.to ?? []).map(addressText).join(', '),
      cc: (parsed.cc ?? []).map(addressText).join(', '),
      subject: parsed.subject ?? '',
      date,
      attachments: parsed.attachments
        .filter((part) => part.related !== true)
        .map((part) => part.filename ?? part.mimeType),
      html: parsed.html ?? null,
      text: parsed.text ?? null,
      sentOn: calendarDate(date),
    };
  } catch {
    throw new Refusal('document_corrupt');
  }
  return setMail(mail, job);
}

export async function setMail(mail: Mail, job: Source['job']): Promise<Converted> {
  const lines = [
    ['From', mail.from],
    ['To', mail.to],
    ['Cc', mail.cc],
    ['Date', mail.date],
    ['Attachments', mail.attachments.join(', ')],
  ].filter(([, value]) => value !== '');
  const head = lines.map(([name, value]) => `${name}: ${value}`).join('\n');
  const blocks: HtmlBlock[] = [];
  if (mail.subject !== '') blocks.push({ kind: 'heading', level: 2, text: mail.subject });
  if (head !== '') blocks.push({ kind: 'paragraph', text: head, indent: 0 });
  const body = bodyBlocks(mail);
  if (blocks.length === 0 && body.length === 0) throw new Refusal('document_empty');
  blocks.push({ kind: 'rule' }, ...body);
  return setBlocks(blocks, job, {
    mailDate: mail.sentOn,
    warnings: mail.attachments.length > 0 ? ['attachments_named_only'] : [],
  });
}

/** HTML first: the text beside it is often only "Your program does not show HTML". */
function bodyBlocks(mail: Mail): HtmlBlock[] {
  const fromHtml = mail.html === null ? [] : htmlBlocks(mail.html);
  if (fromHtml.length > 0) return fromHtml;
  return mail.text === null || mail.text.trim() === '' ? [] : [...textBlocks(mail.text)];
}

function addressText(address: Address): string {
  const { name, group } = address;
  if (group !== undefined) return `${name}: ${group.map(addressText).join(', ')}`;
  if (name === '') return address.address ?? '';
  return address.address === undefined ? name : `${name} <${address.address}>`;
}

/** The day where it was sent: `Tue, 5 Mar 2024 08:10:00 +1100` is the fifth, though in UTC it is still the fourth. */
export function calendarDate(date: string): string | null {
  const time = Date.parse(date);
  if (Number.isNaN(time)) return null;
  const zone = /([+-])(\d{2}):?(\d{2})\s*(?:\(.*\))?$/.exec(date.trim());
  const minutes = zone === null ? 0 : (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1);
  return new Date(time + minutes * 60_000).toISOString().slice(0, 10);
}
