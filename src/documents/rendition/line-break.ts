/** Breaks text into lines of a width. */

/**
 * @param width of a text, in the unit of `maxWidth`
 * @returns at least one line; a word that is too wide is cut
 */
export function breakLines(text: string, maxWidth: number, width: (text: string) => number): string[] {
  return text.split('\n').flatMap((paragraph) => breakParagraph(paragraph, maxWidth, width));
}

function breakParagraph(paragraph: string, maxWidth: number, width: (text: string) => number): string[] {
  const lines: string[] = [];
  const blank = width(' ');
  let line = '';
  let used = 0;
  for (const word of paragraph.split(' ')) {
    const wordWidth = width(word);
    if (line !== '' && used + blank + wordWidth <= maxWidth) {
      line += ` ${word}`;
      used += blank + wordWidth;
      continue;
    }
    if (line !== '') lines.push(line);
    if (wordWidth <= maxWidth) {
      line = word;
      used = wordWidth;
      continue;
    }
    const pieces = cut(word, maxWidth, width);
    line = pieces.pop() ?? '';
    used = width(line);
    lines.push(...pieces);
  }
  lines.push(line);
  return lines;
}

function cut(word: string, maxWidth: number, width: (text: string) => number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let used = 0;
  for (const character of word) {
    const characterWidth = width(character);
    if (piece !== '' && used + characterWidth > maxWidth) {
      pieces.push(piece);
      piece = '';
      used = 0;
    }
    piece += character;
    used += characterWidth;
  }
  pieces.push(piece);
  return pieces;
}
