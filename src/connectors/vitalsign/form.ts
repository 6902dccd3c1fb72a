/** A multipart form with one file, as a stream of known size: a document is never whole in memory. */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

export interface FormFile {
  readonly name: string;
  readonly mimeType: string;
  readonly size: number;
  readonly content: Readable;
}

export interface StreamedForm {
  readonly contentType: string;
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** @param fields before the file, so that the other side knows them when the file comes */
export function streamedForm(fields: Readonly<Record<string, string>>, file: FormFile): StreamedForm {
  const boundary = `chartsync-${randomBytes(18).toString('hex')}`;
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = Buffer.from(
    `${texts.join('')}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quoted(file.name)}"\r\n` +
      `Content-Type: ${file.mimeType}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    size: head.length + file.size + tail.length,
    body: parts(head, file.content, tail),
  };
}

async function* parts(head: Buffer, content: Readable, tail: Buffer): AsyncGenerator<Uint8Array> {
  yield head;
  yield* content;
  yield tail;
}

/** As browsers write names. */
function quoted(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
