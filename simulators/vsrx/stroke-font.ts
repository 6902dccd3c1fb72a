/**
 * A small single-stroke alphabet for drawn pages: no font of the machine can be relied on.
 *
 * Each glyph is a set of polylines on a grid of 5 columns and 9 rows: two digits are one point (column, row), row 0 is the top
 * of capitals, row 2 the top of small letters, row 6 the base line, row 8 the foot of descenders.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '062046 1434',
  B: '00063645443303 00304142 4233',
  C: '413010010516 3645 1636',
  D: '00062644422000',
  E: '40000646 0333',
  F: '400006 0333',
  G: '41301001051636454323',
  H: '0006 4046 0343',
  I: '1030 2026 1636',
  J: '4045361605',
  K: '0006 400346',
  L: '000646',
  M: '0600234046',
  N: '06004640',
  O: '103041453616050110',
  P: '06003041423303',
  Q: '103041453616050110 2446',
  R: '06003041423303 2346',
  S: '413010010213334445361605',
  T: '0040 2026',
  U: '000516364540',
  V: '002640',
  W: '0016233640',
  X: '0046 4006',
  Y: '002340 2326',
  Z: '00400646',
  a: '12324346 441405163645',
  b: '0006 0312324345361605',
  c: '4332120305163645',
  d: '4046 4332120305163645',
  e: '0444433212 1203051636 3645',
  f: '40302126 1232',
  g: '4247381807 4332120305163645',
  h: '0006 03123243 4346',
  i: '2226 2020',
  j: '22271808 2020',
  k: '0006 3204 1436',
  l: '10202536',
  m: '0206 03122326 23324346',
  n: '0206 0312324346',
  o: '123243453616050312',
  p: '0208 0312324345361605',
  q: '4248 4332120305163645',
  r: '0206 031232',
  s: '43321203143445361605',
  t: '20253646 1232',
  u: '0205163645 4246',
  v: '022642',
  w: '0216233642',
  x: '0246 4206',
  y: '0226 4218',
  z: '02420646',
  0: '103041453616050110 3016',
  1: '112026 1636',
  2: '0110304142 420646',
  3: '011030414233 2333 3344453616 1605',
  4: '36300444',
  5: '4000023243453616 1605',
  6: '4130100105163645443313 1304',
  7: '004016',
  8: '1030414233130201 0110 1304051636454433',
  9: '4233130201103041 4145361605',
  '.': '1516',
  ',': '151607',
  ':': '1314 1516',
  ';': '1314 151607',
  '-': '1434',
  '/': '4006',
  '(': '30111536',
  ')': '10313516',
  "'": '2021',
  '"': '1011 3031',
  '!': '2024 2626',
  '?': '01103041422324 2626',
  '+': '1434 2325',
  '=': '1333 1535',
  '#': '1016 3036 0242 0444',
  '&': '460111202133 3304061636 3643',
  '%': '4006 0011 3546',
  '@': '4536160501103041443424223242',
  _: '0747',
  '|': '2027',
};

/** A segment from (x1, y1) to (x2, y2) on the grid. */
export type Segment = readonly [number, number, number, number];

/** Columns from one character's origin to the next. */
export const ADVANCE = 5.7;

/** The strokes of a character; accents are dropped, unknown characters are drawn as `?`, a space has none. */
export function strokesOf(char: string): readonly Segment[] {
  return STROKES.get(char) ?? STROKES.get(char.normalize('NFD')[0] ?? '?') ?? STROKES.get('?')!;
}

const STROKES: ReadonlyMap<string, readonly Segment[]> = new Map([
  [' ', []],
  ...Object.entries(GLYPHS).map(([char, glyph]) => [char, parse(glyph)] as const),
]);

function parse(glyph: string): Segment[] {
  const segments: Segment[] = [];
  for (const polyline of glyph.split(' ')) {
    const points = polyline.match(/../g)!.map((pair) => [Number(pair[0]), Number(pair[1])] as const);
    for (let i = 1; i < points.length; i++) segments.push([...points[i - 1]!, ...points[i]!]);
  }
  return segments;
}
