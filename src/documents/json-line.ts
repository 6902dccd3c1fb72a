/**
 * @returns JSON with a line break. JSON lets U+2028 and U+2029 stand as they are, but Node's readline ends a line there.
 */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(/[\u2028\u2029]/g, (separator) => `\\u${separator.charCodeAt(0).toString(16)}`)}\n`;
}
