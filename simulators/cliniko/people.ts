/** The invented people of the sample account: every family name ends in "-Sample", so that none may pass for a real person's. */
import type { Random } from './random.ts';

const GIVEN = [
  'Testina',
  'Demo',
  'Exampla',
  'Mockford',
  'Fictia',
  'Specimen',
  'Prototype',
  'Placida',
  'Trialina',
  'Dummond',
  'Pseudona',
  'Beispiela',
  'Tésta',
  'Mustafina',
  'Voorbeeld',
  'Esempio',
  'Ukázka',
  'Näyte',
];
const TREES = [
  'Alder',
  'Birch',
  'Cedar',
  'Dogwood',
  'Elm',
  'Fir',
  'Gumtree',
  'Hawthorn',
  'Ironbark',
  'Juniper',
  'Kauri',
  'Larch',
  'Maple',
  'Nutmeg',
  'Oaktree',
  'Pinewood',
  "O'Quince",
  'Rowan',
  'Spruce',
  'Teak',
  'Ulme',
  'Vine',
  'Willow',
  'Yewtree',
  'Ölbaum',
];

export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  /** `YYYY-MM-DD` */
  readonly dateOfBirth: string | null;
  readonly email: string | null;
  readonly phone: string | null;
}

const FAMILIES = TREES.map((tree) => `${tree}-Sample`);

export function inventPerson(random: Random, number: number): Person {
  const digits = String(number % 10_000).padStart(4, '0');
  return {
    firstName: random.pick(GIVEN),
    lastName: random.pick(FAMILIES),
    dateOfBirth: random.chance(0.95) ? birthday(random) : null,
    email: random.chance(0.9) ? `patient${number}@example.invalid` : null,
    // 5550 xxxx is reserved for fiction.
    phone: random.chance(0.9) ? `(02) 5550 ${digits}` : null,
  };
}

export function inventFamilyName(random: Random): string {
  return random.pick(FAMILIES);
}

function birthday(random: Random): string {
  return `${random.int(1935, 2018)}-${two(random.int(1, 12))}-${two(random.int(1, 28))}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
