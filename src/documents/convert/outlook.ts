/** Outlook's .msg files. */
import msgReader, { type FieldsData } from '@kenjiuno/msgreader';
import { localDate } from '../../domain/clinic-day.ts';
import { Refusal } from '../refusal.ts';
import { decodeText } from '../text-encoding.ts';
import type { Converted, Source } from './converter.ts';
import { calendarDate, type Mail, setMail } from './mail.ts';

export async function convertOutlook({ bytes, job }: Source): Promise<Converted> {
  let mail: Mail;
  try {
    const reader = new msgReader.default(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const data = reader.getFileData();
    if (data.error !== undefined) throw new Refusal('document_corrupt');
    mail = mailOf(data, job.timeZone);
  } catch {
    throw new Refusal('document_corrupt');
  }
  return setMail(mail, job);
}

function mailOf(data: FieldsData, timeZone: string): Mail {
  // As the sender's clock and zone had it. Outlook's own fields, and all that a mail has that was never sent, are instants.
  const header = /^date:[ \t]*(.*(?:\r?\n[ \t].*)*)/im
    .exec(data.headers ?? '')?.[1]
    ?.replace(/\s+/g, ' ')
    .trim();
  // A program that makes such files may write there what it likes.
  const sent = header === undefined || Number.isNaN(Date.parse(header)) ? null : header;
  const date = sent ?? data.clientSubmitTime ?? data.messageDeliveryTime ?? data.creationTime ?? '';
  const instant = Date.parse(date);
  const to = (kind: 'to' | 'cc'): string =>
    (data.recipients ?? [])
      .filter((recipient) => (recipient.recipType ?? 'to') === kind)
      .map((recipient) => person(recipient.name, recipient.smtpAddress ?? recipient.email))
      .join(', ');
  return {
    from: person(data.senderName, data.senderSmtpAddress ?? data.senderEmail),
    to: to('to'),
    cc: to('cc'),
    subject: data.subject ?? '',
    date,
    attachments: (data.attachments ?? [])
      .filter((attachment) => attachment.attachmentHidden !== true)
      .map((attachment) => attachment.fileName ?? attachment.name ?? 'attachment'),
    html: data.bodyHtml ?? (data.html === undefined ? null : decodeText(data.html)),
    text: data.body ?? null,
    sentOn: sent !== null || Number.isNaN(instant) ? calendarDate(date) : localDate(instant, timeZone),
  };
}

function person(name: string | undefined, address: string | undefined): string {
  if (address === undefined || address === name) return name ?? '';
  return name === undefined ? address : `${name} <${address}>`;
}
