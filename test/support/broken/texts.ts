/** Texts, mails, web pages and tables that are made to keep a parser busy. */
import { mail } from '../document-samples.ts';

const headers = (type: string): string =>
  `From: a@example.org\r\nTo: b@example.org\r\nSubject: Zoe\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n\r\n`;

export const SAMPLE_TEXTS: Readonly<Record<string, Buffer>> = {
  'mail.eml': Buffer.from(mail('<p>Zoe Sample came with a sprained ankle.</p>')),
  'page.html': Buffer.from('<!doctype html><html><body><h1>Letter</h1><p>Zoe Sample <b>came</b>.</p></body></html>'),
  'table.csv': Buffer.from('name;age;town\nZoe;54;Sydney\nMax;60;Perth\nUma;3;Hobart\n'),
  'note.txt': Buffer.from('Zoe Sample came with a sprained ankle. She was given rest.\n'.repeat(20)),
};

export const BROKEN_TEXTS: Readonly<Record<string, () => string | Buffer>> = {
  'a mail in a mail five hundred times': () => {
    let inner = 'Zoe';
    for (let level = 0; level < 500; level++) inner = headers('message/rfc822') + inner;
    return inner;
  },
  'a mail of a thousand parts in parts': () => {
    let inner = 'Zoe';
    for (let level = 0; level < 1_000; level++) {
      inner = `${headers(`multipart/mixed; boundary=p${level}`)}--p${level}\r\n${inner}\r\n--p${level}--\r\n`;
    }
    return inner;
  },
  'a mail with twenty thousand attachments': () => {
    const part = '--p\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nZoe\r\n';
    return `${headers('multipart/mixed; boundary=p')}${part.repeat(20_000)}--p--\r\n`;
  },
  'a mail whose subject has two million letters': () =>
    `${headers('text/plain').replace('Zoe', 'Zoe '.repeat(500_000))}Zoe Sample`,
  'a mail that names no end of its parts': () => `${headers('multipart/mixed; boundary=p')}--p\r\n\r\nZoe`,
  'a mail in a character set that is none': () => `${headers('text/plain; charset=utf-99')}Zoe \xff\xfe Sample`,
  'a web page nested a hundred thousand times': () => `<html>${'<div>'.repeat(100_000)}Zoe`,
  'a web page of a million tables': () => `<html>${'<table><tr><td>Zoe'.repeat(100_000)}`,
  'a web page of half tags': () => `<html>${'<a href="'.repeat(200_000)}Zoe`,
  'a web page of entities': () => `<html><p>${'&amp;&#x5a;&#99999999;&nonsense;'.repeat(50_000)}</p>`,
  'a table of one line and a million cells': () => `${`${'Zoe,'.repeat(1_000_000)}\n`}a,b\nc,d\n`,
  'a table whose quote never ends': () => `a;b;c\n1;2;3\n4;5;6\n"${'Zoe;'.repeat(500_000)}`,
  'a text without a blank': () => 'Zoe'.repeat(1_000_000),
  'a text of marks above each other': () => `Z${'\u0301'.repeat(500_000)}oe`,
  'a text that is written backwards': () => '\u202eelpmaS eoZ\u202c'.repeat(5_000),
  'a text of line breaks': () => `Zoe${'\n'.repeat(1_000_000)}Sample`,
  'a text of half characters': () => Buffer.from('Zoe \ud800\udfff\ud83d Sample'.repeat(2_000), 'utf16le'),
  'a text of nothing but blanks': () => ' '.repeat(100_000),
};

export const SLOW_TEXTS: ReadonlySet<string> = new Set([
  'a text without a blank',
  'a table of one line and a million cells',
  'a text of line breaks',
  'a mail whose subject has two million letters',
  'a web page of a million tables',
]);
