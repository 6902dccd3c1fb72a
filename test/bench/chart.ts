/** Draws a curve as SVG, both axes logarithmic: a straight line at 45° grows exactly with the practice. */
import type { Curve } from './benchmark.ts';
import { count } from './table.ts';

const WIDTH = 640;
const HEIGHT = 360;
const EDGE = { left: 64, right: 20, top: 40, bottom: 48 };
const COLOURS = ['#1f6f8b', '#b5542b', '#5b7f2b', '#6b4fa0'];

interface Scale {
  /** Powers of ten, and the ends. */
  readonly ticks: readonly number[];
  place(value: number): number;
}

export function drawCurve(curve: Curve): string {
  const points = curve.lines.flatMap((line) => line.points);
  const x = logScale(
    points.map((point) => point[0]),
    EDGE.left,
    WIDTH - EDGE.right,
  );
  const y = logScale(
    points.map((point) => point[1]),
    HEIGHT - EDGE.bottom,
    EDGE.top,
  );
  const middle = (EDGE.left + WIDTH - EDGE.right) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(curve.title)}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(middle, 22, curve.title, 'middle', 15),
    ...x.ticks.map((tick) => {
      const at = x.place(tick);
      return line(at, EDGE.top, at, HEIGHT - EDGE.bottom) + text(at, HEIGHT - EDGE.bottom + 16, label(tick), 'middle');
    }),
    ...y.ticks.map((tick) => {
      const at = y.place(tick);
      return line(EDGE.left, at, WIDTH - EDGE.right, at) + text(EDGE.left - 8, at + 4, label(tick), 'end');
    }),
    text(middle, HEIGHT - 10, curve.xLabel, 'middle'),
    text(EDGE.left, EDGE.top - 8, curve.yLabel, 'end'),
    ...curve.lines.map((drawn, index) => drawLine(drawn, COLOURS[index % COLOURS.length]!, x, y, index)),
    '</svg>',
    '',
  ].join('\n');
}

function drawLine(drawn: Curve['lines'][number], colour: string, x: Scale, y: Scale, index: number): string {
  const at = drawn.points.map(([px, py]) => [round(x.place(px)), round(y.place(py))] as const);
  const path = at.map(([px, py]) => `${px},${py}`).join(' ');
  const values = drawn.points.map(([, value], i) => {
    const [px, py] = at[i]!;
    return `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"/>${text(px, py - 8, count(value), 'middle', 11, colour)}`;
  });
  const legend = text(WIDTH - EDGE.right, EDGE.top + 14 + index * 16, drawn.label, 'end', 12, colour);
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${values.join('')}${legend}`;
}

/** Whole decades around the values. */
function logScale(values: readonly number[], from: number, to: number): Scale {
  const lowest = Math.floor(Math.log10(Math.min(...values)));
  const highest = Math.max(Math.ceil(Math.log10(Math.max(...values))), lowest + 1);
  return {
    ticks: Array.from({ length: highest - lowest + 1 }, (_, i) => 10 ** (lowest + i)),
    place: (value) => from + ((Math.log10(value) - lowest) / (highest - lowest)) * (to - from),
  };
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#ddd"/>`;
}

function text(x: number, y: number, content: string, anchor: string, size = 12, colour = '#333'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${escaped(content)}</text>`;
}

function label(value: number): string {
  return value >= 1 ? value.toLocaleString('en') : String(Number(value.toPrecision(1)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
