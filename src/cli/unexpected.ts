/** Tells an error that nobody foresaw: its kind and where it came from, never its message, which may quote data. */
import { ERROR_CATALOGUE } from '../domain/errors.ts';

/** A file of ours with its line, as it stands in a stack. */
const OWN_PLACE = /(?:src|simulators)\/[\w/-]+\.ts:\d+/;

export function describeUnexpected(error: unknown): string {
  const { summary } = ERROR_CATALOGUE.unexpected;
  if (!(error instanceof Error)) return summary;
  // The message comes first in a stack and could itself look like a place.
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  const place = frames.map((frame) => OWN_PLACE.exec(frame)?.[0]).find((found) => found !== undefined);
  return `${summary} (${error.name}${place === undefined ? '' : ` at ${place}`})`;
}

export function tellUnexpected(error: unknown, stream: { write(text: string): unknown }): void {
  stream.write(`${describeUnexpected(error)} [unexpected]\n  ${ERROR_CATALOGUE.unexpected.remedy}\n`);
}
