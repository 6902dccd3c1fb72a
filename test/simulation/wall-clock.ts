/** The clock on the wall of a practice, read by the machine's own calendar: no code of the connector. */

const formats = new Map<string, Intl.DateTimeFormat>();

/** @param at epoch ms. @returns `YYYY-MM-DD hh:mm:ss` as the source writes it, without a zone */
export function wallClock(timeZone: string, at: number): string {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(timeZone, format);
  }
  return format.format(at);
}
