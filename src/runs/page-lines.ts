/** The text of a document as it is stored: one page as JSON per line. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { DocumentPage } from '../ports/document-content.ts';

/** JSON escapes line breaks, and the writer also those that only readline takes for one. */
export async function* readPageLines(stream: Readable): AsyncGenerator<DocumentPage> {
  // Without this an error of the stream would end the process: readline does not pass it on.
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  stream.once('error', failed.reject);
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await Promise.race([lines.next(), failed.promise]);
      if (done) break;
      yield JSON.parse(value) as DocumentPage;
    }
  } finally {
    stream.destroy();
  }
  // A content that is not what its name says is known only at its end.
  if (stream.errored) throw stream.errored;
}
