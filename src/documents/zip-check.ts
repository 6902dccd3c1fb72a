/** Looks through a ZIP container (Office documents) before a parser inflates it as a whole. */
import yauzl from 'yauzl';
import { Refusal } from './refusal.ts';

/** A workbook has some dozens; each costs memory in every parser. */
const MAX_ENTRIES = 10_000;

const KIBIBYTE = 1024;

/**
 * Inflates every entry and throws the result away: the sizes that a container declares are claims, and parsers do not check
 * them before they allocate.
 *
 * @param maxInflatedBytes of all entries together
 * @param isWanted says of a name whether the content of that entry is wanted
 * @returns contents of the wanted entries by name
 * @throws Refusal document_too_large, document_encrypted, document_corrupt
 */
export async function checkZip(
  bytes: Buffer,
  maxInflatedBytes: number,
  isWanted: (name: string) => boolean = () => false,
): Promise<ReadonlyMap<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  try {
    const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true, validateEntrySizes: true });
    if (zip.entryCount > MAX_ENTRIES) throw new Refusal('document_too_large', `It has ${zip.entryCount} parts.`);
    let declared = 0;
    let inflated = 0;
    for await (const entry of zip.eachEntry()) {
      if (entry.isEncrypted()) throw new Refusal('document_encrypted');
      declared += entry.uncompressedSize;
      if (declared > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
      if (entry.fileName.endsWith('/')) continue;
      const stream = await zip.openReadStreamPromise(entry);
      const wanted = isWanted(entry.fileName);
      const kept: Buffer[] = [];
      for await (const chunk of stream) {
        if (wanted) kept.push(chunk as Buffer);
        inflated += (chunk as Buffer).length;
        if (inflated > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
      }
      if (wanted) contents.set(entry.fileName, Buffer.concat(kept));
    }
    return contents;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('document_corrupt');
  }
}

function tooLarge(maxInflatedBytes: number): Refusal {
  const mebibytes = Math.round(maxInflatedBytes / KIBIBYTE / KIBIBYTE);
  return new Refusal('document_too_large', `Unpacked it has more than ${mebibytes} MiB.`);
}
