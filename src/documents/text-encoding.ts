/** Bytes of a text file to text, whatever encoding they have. */
import { isUtf8 } from 'node:buffer';

/** As much as says how the bytes are spread. */
const SAMPLE = 4096;

/** Of the bytes in every second place; in UTF-16 of western text nearly all of them are 0. */
const UTF16_ZEROS = 0.4;

export type TextEncodingName = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export function detectEncoding(bytes: Uint8Array): TextEncodingName {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const zeros = [0, 0];
  const sample = bytes.subarray(0, SAMPLE);
  for (let i = 0; i < sample.length; i++) if (sample[i] === 0) zeros[i % 2]!++;
  const half = sample.length / 2;
  if (zeros[1]! > half * UTF16_ZEROS && zeros[0]! < half * 0.1) return 'utf-16le';
  if (zeros[0]! > half * UTF16_ZEROS && zeros[1]! < half * 0.1) return 'utf-16be';
  // Latin-1 as the web has it: Windows-1252 has the same letters, and quotation marks and dashes in addition.
  return isUtf8(bytes) ? 'utf-8' : 'windows-1252';
}

/** @returns the text without a byte order mark */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(detectEncoding(bytes)).decode(bytes);
}
