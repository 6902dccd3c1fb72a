/** Reads an upload form: text fields first, then one file. */
import type { IncomingMessage } from 'node:http';

export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: { readonly name: string; readonly bytes: Buffer };
}

/** @returns null for what is no such form */
export async function readForm(request: IncomingMessage, maximum: number): Promise<Form | null> {
  const type = request.headers['content-type'] ?? '';
  const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1];
  if (!type.startsWith('multipart/form-data') || !boundary) return null;
  const body = await readBody(request, maximum);
  const fields = new Map<string, string>();
  const delimiter = Buffer.from(`--${boundary}`);
  let at = body.indexOf(delimiter);
  while (at >= 0) {
    const next = body.indexOf(delimiter, at + delimiter.length);
    if (next < 0) return null;
    // Behind the delimiter and before the next one stands a line break each.
    const part = body.subarray(at + delimiter.length + 2, next - 2);
    const split = part.indexOf('\r\n\r\n');
    const head = part.subarray(0, split).toString();
    const content = part.subarray(split + 4);
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? '';
    const filename = /filename="([^"]*)"/.exec(head)?.[1];
    // S3 ignores what follows the file.
    if (name === 'file') return { fields, file: { name: filename ?? 'unnamed', bytes: Buffer.from(content) } };
    fields.set(name, content.toString());
    at = next;
  }
  return null;
}

/** @throws RangeError when it is longer than `maximum` */
export async function readBody(request: IncomingMessage, maximum: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maximum) throw new RangeError('The body is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
