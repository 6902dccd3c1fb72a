/** What a file is by the numbers in it, as the library `file-type` knows them. */
import { fileTypeFromTokenizer } from 'file-type';
import { AbstractTokenizer, EndOfStreamError, type IReadChunkOptions } from 'strtok3/core';
import type { BytesAt } from './compound-file.ts';

/**
 * @returns MIME type in lower case, or null when unknown
 * @throws what `readAt` throws
 */
export async function typeByMagicNumber(content: BytesAt): Promise<string | null> {
  const tokenizer = new ContentTokenizer(content);
  try {
    return (await fileTypeFromTokenizer(tokenizer))?.mime ?? null;
  } catch {
    // A damaged file makes a parser fail in many ways; only a failed read is an error.
    if (tokenizer.failure !== undefined) throw tokenizer.failure;
    return null;
  }
}

/** Lets file-type walk through a file that is open already. */
class ContentTokenizer extends AbstractTokenizer {
  readonly fileInfo: { readonly size: number };
  readonly #content: BytesAt;
  failure: unknown;

  constructor(content: BytesAt) {
    super();
    this.#content = content;
    this.fileInfo = { size: content.size };
  }

  supportsRandomAccess(): boolean {
    return true;
  }

  setPosition(position: number): void {
    this.position = position;
  }

  async readBuffer(target: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const position = options?.position ?? this.position;
    const length = await this.peekBuffer(target, options);
    this.position = position + length;
    return length;
  }

  async peekBuffer(target: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const { length, position, mayBeLess } = this.normalizeOptions(target, options);
    const bytes = await this.#read(position, length);
    if (bytes.byteLength < length && !mayBeLess) throw new EndOfStreamError();
    target.set(bytes);
    return bytes.byteLength;
  }

  async #read(position: number, length: number): Promise<Uint8Array> {
    try {
      return await this.#content.readAt(position, length);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
