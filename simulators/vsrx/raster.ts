/** Draws a grey page that looks as if it came off a scanner: slightly askew, grainy, with dark edges and typed text. */
import type { Random } from './random.ts';
import { ADVANCE, strokesOf } from './stroke-font.ts';

export interface Raster {
  readonly width: number;
  readonly height: number;
  /** One byte per pixel, row by row; 0 is black. */
  readonly grey: Uint8Array;
}

export interface ScanOptions {
  readonly lines: readonly string[];
  readonly random: Random;
}

/** About 80 dpi of an A4 page: readable, and cheap to draw and to store. */
const WIDTH = 660;
const HEIGHT = 934;
const LEFT = 58;
const TOP = 64;
const LINE = 17;
const SCALE = 1.42;
const INK_WIDTH = 1.25;

/** Characters that fit on a line. */
export const SCAN_COLUMNS = Math.floor((WIDTH - 2 * LEFT) / (ADVANCE * SCALE));
export const SCAN_LINES = Math.floor((HEIGHT - TOP - 70) / LINE);

export function scanPage({ lines, random }: ScanOptions): Raster {
  const grey = new Uint8Array(WIDTH * HEIGHT);
  const paper = random.int(232, 246);
  grain(grey, paper, random);
  const page = { width: WIDTH, height: HEIGHT, grey };
  const angle = ((random.next() - 0.5) * 2.4 * Math.PI) / 180;
  lines.slice(0, SCAN_LINES).forEach((line, row) => {
    writeLine(page, line.slice(0, SCAN_COLUMNS), LEFT, TOP + row * LINE, angle, random.int(24, 60));
  });
  return page;
}

/** A copy with lines filled in: pages that share their drawing still belong to one person. */
export function fillIn(page: Raster, entries: readonly { line: number; column?: number; text: string }[]): Raster {
  const copy = { ...page, grey: page.grey.slice() };
  for (const { line, column = 0, text } of entries) {
    writeLine(copy, text.slice(0, SCAN_COLUMNS), LEFT + column * ADVANCE * SCALE, TOP + line * LINE, 0.002, 30);
  }
  return copy;
}

function grain(grey: Uint8Array, paper: number, random: Random): void {
  // One small tile of noise, laid with a varying offset: random numbers per pixel would cost more than the drawing.
  const tile = random.bytes(8192);
  let at = 0;
  for (let y = 0; y < HEIGHT; y++) {
    at = (at + 977) & 8191;
    const edge = y < 5 || y > HEIGHT - 4 ? 60 : 0;
    for (let x = 0; x < WIDTH; x++) {
      const noise = tile[(at + x) & 8191]!;
      const shadow = x < 9 ? (9 - x) * 9 : 0;
      // Coarse steps keep the compressed page small; a speck of dust now and then.
      grey[y * WIDTH + x] = Math.max(
        0,
        paper - (noise > 224 ? 6 : 0) - (noise === 7 && (x & 15) === 3 ? 110 : 0) - shadow - edge,
      );
    }
  }
}

function writeLine(page: Raster, text: string, left: number, top: number, angle: number, ink: number): void {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const place = (x: number, y: number): [number, number] => [
    page.width / 2 + (x - page.width / 2) * cos - (y - page.height / 2) * sin,
    page.height / 2 + (x - page.width / 2) * sin + (y - page.height / 2) * cos,
  ];
  [...text].forEach((char, column) => {
    const x = left + column * ADVANCE * SCALE;
    for (const [x1, y1, x2, y2] of strokesOf(char)) {
      drawSegment(page, place(x + x1 * SCALE, top + y1 * SCALE), place(x + x2 * SCALE, top + y2 * SCALE), ink);
    }
  });
}

function drawSegment(page: Raster, [x1, y1]: [number, number], [x2, y2]: [number, number], ink: number): void {
  const { width, height, grey } = page;
  const dx = x2 - x1;
  const dy = y2 - y1;
  const lengthSquared = dx * dx + dy * dy;
  const fromX = Math.max(0, Math.floor(Math.min(x1, x2) - 2));
  const toX = Math.min(width - 1, Math.ceil(Math.max(x1, x2) + 2));
  const fromY = Math.max(0, Math.floor(Math.min(y1, y2) - 2));
  const toY = Math.min(height - 1, Math.ceil(Math.max(y1, y2) + 2));
  for (let y = fromY; y <= toY; y++) {
    for (let x = fromX; x <= toX; x++) {
      const along = lengthSquared ? Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / lengthSquared)) : 0;
      const distance = Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
      const cover = INK_WIDTH / 2 + 0.5 - distance;
      if (cover <= 0) continue;
      const at = y * width + x;
      const shade = 245 - (245 - ink) * Math.min(1, cover);
      if (shade < grey[at]!) grey[at] = shade;
    }
  }
}
