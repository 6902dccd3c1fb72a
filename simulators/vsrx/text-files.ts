/** A letter as plain text, web page, e-mail and rich text. */
import type { Letter } from './letters.ts';
import { escapeXml } from './office.ts';

export function writeTxt(letter: Letter): Buffer {
  return Buffer.from(`${letter.title.toUpperCase()}\r\n\r\n${letter.paragraphs.join('\r\n')}\r\n`);
}

export function writeHtml(letter: Letter): Buffer {
  const body = letter.paragraphs.filter(Boolean).map((text) => `<p>${escapeXml(text)}</p>`);
  return Buffer.from(
    `<!DOCTYPE html>\n<html lang="en-AU">\n<head><meta charset="utf-8"><title>${escapeXml(letter.title)}</title></head>\n` +
      `<body>\n<h1>${escapeXml(letter.title)}</h1>\n${body.join('\n')}\n</body>\n</html>\n`,
  );
}

/** @param date `YYYY-MM-DD` */
export function writeEml(letter: Letter, to: string, date: string): Buffer {
  const body = Buffer.from(letter.paragraphs.join('\r\n')).toString('base64').replace(/.{76}/g, '$&\r\n');
  const headers = [
    'From: "Sample Case Manager" <claims@example.com>',
    `To: <${to}>`,
    `Subject: =?utf-8?B?${Buffer.from(letter.title).toString('base64')}?=`,
    `Date: ${new Date(`${date}T00:00:00Z`).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${letter.slug}.${date}@example.com>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${body}\r\n`);
}

export function writeRtf(letter: Letter): Buffer {
  const paragraphs = letter.paragraphs.map((text) => `${escapeRtf(text)}\\par`).join('\r\n');
  return Buffer.from(
    `{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fswiss Helvetica;}}\r\n{\\b\\fs28 ${escapeRtf(letter.title)}\\par}\r\n\\fs22 ${paragraphs}\r\n}\r\n`,
  );
}

function escapeRtf(text: string): string {
  return text
    .replace(/[\\{}]/g, '\\$&')
    .replace(/[\u0080-\uffff]/g, (char) => `\\u${((char.charCodeAt(0) + 32768) & 65535) - 32768}?`);
}
