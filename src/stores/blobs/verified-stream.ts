import { pipeline, type Readable, Transform } from 'node:stream';
import { SyncError } from '../../domain/errors.ts';
import { createContentCheck } from './content-check.ts';

/**
 * What a reader of a blob gets: the bytes of `source`, ended by SyncError `blob_corrupt` when size or hash differ, by
 * `cancelled` when the signal aborts, and by `toError`'s error when the source breaks. Closes the source in every case, also
 * when the reader leaves before the end or before it has begun.
 */
export function verifiedStream(options: {
  readonly source: Readable;
  /** Size in bytes, SHA-256 in lower-case hex. */
  readonly expected: { readonly size: number; readonly sha256: string };
  readonly toError: (error: unknown) => SyncError;
  readonly signal?: AbortSignal | undefined;
  /** A source that sends nothing for this long ends with `blob_unavailable`. Default: no limit. */
  readonly silenceMs?: number;
}): Readable {
  const { source, expected, toError, signal, silenceMs } = options;
  const check = createContentCheck(expected);
  const cancel = (): void => {
    stream.destroy(new SyncError('cancelled', { cause: signal?.reason }));
  };
  let heard = (): void => {};
  let stopListening = (): void => {};

  // The last chunk is held back until all is verified: a reader that counts bytes must not take wrong content for whole.
  let last: Uint8Array | undefined;
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      heard();
      const ready = last;
      last = chunk;
      settle(done, () => check.update(chunk), ready);
    },
    flush: (done) => settle(done, () => check.finish(), last),
    destroy(error, done) {
      signal?.removeEventListener('abort', cancel);
      stopListening();
      done(error === null || error instanceof SyncError ? error : toError(error));
    },
  });
  pipeline(source, stream, () => {});
  if (silenceMs !== undefined) [heard, stopListening] = endWhenSilent(source, stream, silenceMs);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();
  return stream;
}

function settle(done: (error?: Error | null, chunk?: Uint8Array) => void, work: () => void, chunk?: Uint8Array): void {
  try {
    work();
  } catch (error) {
    done(error as Error);
    return;
  }
  if (chunk === undefined) done();
  else done(null, chunk);
}

/** Two looks in a row must find nothing to read and nothing come, because a reader may have been the slow one until just now. */
function endWhenSilent(source: Readable, stream: Transform, silenceMs: number): [() => void, () => void] {
  let silent = 0;
  const timer = setInterval(() => {
    const readerIsSlow = stream.readableLength > 0 || stream.writableLength > 0;
    silent = readerIsSlow ? 0 : silent + 1;
    if (silent >= 2) source.destroy(new SyncError('blob_unavailable'));
  }, silenceMs / 2);
  return [
    () => {
      silent = 0;
    },
    () => clearInterval(timer),
  ];
}
