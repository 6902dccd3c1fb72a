/** OpenDocument text: looked through like every ZIP container, then given to LibreOffice. */
import { Refusal } from '../refusal.ts';
import { checkZip } from '../zip-check.ts';
import type { Converted, Source } from './converter.ts';
import { convertOffice } from './office.ts';

const MANIFEST = 'META-INF/manifest.xml';
/** The manifest, which is never encrypted itself, has this for each part that is (OpenDocument 1.3, part 2, §3.4). */
const ENCRYPTED = 'manifest:encryption-data';

export async function convertOpenDocument(source: Source): Promise<Converted> {
  const isManifest = (name: string) => name === MANIFEST;
  const parts = await checkZip(source.bytes, source.job.limits.memoryBytes / 4, isManifest);
  if (parts.get(MANIFEST)?.includes(ENCRYPTED)) throw new Refusal('document_encrypted');
  return convertOffice(source);
}
