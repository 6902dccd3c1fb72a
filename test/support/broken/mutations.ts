/** Damage of any file: what disks, mail gateways, half copies and attackers do to bytes. */

/** The same file and the same numbers come to the same damage. The original is not touched. */
export type Mutation = (bytes: Buffer, random: () => number, other: Buffer) => Buffer;

const MOST_FLIPS = 40;

export const cut: Mutation = (bytes, random) => bytes.subarray(0, random() % bytes.length);

export const bits: Mutation = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const flips = 1 + (random() % MOST_FLIPS);
  for (let flip = 0; flip < flips; flip++) {
    const at = random() % copy.length;
    copy[at] = copy[at]! ^ (1 << (random() % 8));
  }
  return copy;
};

export const noise: Mutation = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const [from, to] = range(bytes, random);
  for (let at = from; at < to; at++) copy[at] = random() % 256;
  return copy;
};

export const zeros: Mutation = (bytes, random) => Buffer.from(bytes).fill(0, ...range(bytes, random));

export const removed: Mutation = (bytes, random) => {
  const [from, to] = range(bytes, random);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

export const doubled: Mutation = (bytes, random) => {
  const [from, to] = range(bytes, random);
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
};

/** The beginning of one file and the end of another one. */
export const crossed: Mutation = (bytes, random, other) =>
  Buffer.concat([bytes.subarray(0, random() % bytes.length), other.subarray(random() % other.length)]);

/** Something else before it, and after it. */
export const wrapped: Mutation = (bytes, random) => {
  const junk = (): Buffer => Buffer.from(Array.from({ length: random() % 3_000 }, () => random() % 256));
  return Buffer.concat([junk(), bytes, junk()]);
};

const NUMBERS = [
  '0',
  '-1',
  '1',
  '65535',
  '2147483647',
  '2147483648',
  '99999999999999999999',
  '0.0000001',
  '-2147483649',
];

/** A number that is written as text becomes another one: lengths, counts, sizes, offsets. */
export const numbers: Mutation = (bytes, random) => {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(/(?<=[\s/[(<])\d{1,10}(?=[\s/\]>])/g)];
  const changes = new Map<number, string>();
  for (let change = 0; change < 1 + (random() % 4) && found.length > 0; change++) {
    changes.set(found[random() % found.length]!.index, NUMBERS[random() % NUMBERS.length]!);
  }
  let changed = text;
  // From the end, so that the places before keep their numbers.
  for (const [at, number] of [...changes].sort(([a], [b]) => b - a)) {
    changed = changed.slice(0, at) + number + changed.slice(at).replace(/^\d+/, '');
  }
  return Buffer.from(changed, 'latin1');
};

function range(bytes: Buffer, random: () => number): [from: number, to: number] {
  const from = random() % bytes.length;
  return [from, Math.min(bytes.length, from + 1 + (random() % Math.max(1, bytes.length >> 3)))];
}
