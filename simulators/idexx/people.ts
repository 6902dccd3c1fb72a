/** The invented clients and animals of the sample clinics. Surnames are trees and end in "Sample"; telephone numbers are 555-01xx. */
import type { Random } from '../vsrx/random.ts';

export interface Client {
  readonly id: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  /** As somebody at the desk typed it. */
  phone: string;
}

export interface Patient {
  readonly id: string;
  readonly clientId: string;
  readonly name: string;
  readonly species: string;
  readonly breed: string;
}

const GIVEN = ['Ann', 'Testina', 'Demo', 'Exampla', 'Mockford', 'Fictia', 'Placida', 'Trialina', 'José', 'Beispiela'];
const TREES = [
  'Alder',
  'Birch',
  'Cedar',
  'Dogwood',
  'Elm',
  'Fir',
  'Hawthorn',
  'Juniper',
  'Larch',
  'Maple',
  "O'Quince",
  'Rowan',
  'Spruce',
  'De la Vine',
  'Willow',
  'Yewtree',
  'Ölbaum',
];
const ANIMALS = [
  'Biscuit',
  'Mittens',
  'Pickles',
  'Waffles',
  'Sir Barksalot',
  'Noodle',
  'Pepper',
  'Peanut & Butter',
  'Crème',
  'Ziggy',
  'Mr. Whiskers',
  '小雪',
  'Tofu',
];
const SPECIES: readonly (readonly [string, readonly string[]])[] = [
  ['Canine', ['Labrador Retriever', 'Beagle', 'Mixed']],
  ['Feline', ['Domestic Shorthair', 'Maine Coon']],
  ['Lagomorph', ['Holland Lop']],
];
const AREA_CODES = ['503', '971', '206', '415', '604', '212'];

/** Distinct people with one or two animals each; the same list for the same stream. */
export function inventClients(random: Random, count: number): { clients: Client[]; patients: Patient[] } {
  const clients: Client[] = [];
  const patients: Patient[] = [];
  for (let i = 0; i < count; i++) {
    const own = random.fork(i);
    const client = inventClient(own, i, String(3301 + i));
    clients.push(client);
    for (let n = own.int(1, 2); n > 0; n--)
      patients.push(inventPatient(own, client.id, String(4400 + patients.length)));
  }
  return { clients, patients };
}

/** The n-th client; n only serves to make names differ. */
export function inventClient(random: Random, n: number, id: string): Client {
  const round = Math.floor(n / (GIVEN.length * TREES.length));
  const tree = TREES[(n * 7) % TREES.length]!;
  return {
    id,
    firstName: GIVEN[(n * 3 + Math.floor(n / TREES.length)) % GIVEN.length]!,
    lastName: `${tree}${round ? ` ${round + 1}` : ''}-Sample`,
    email: random.chance(0.9) ? `client${id}@example.com` : '',
    phone: inventPhone(random),
  };
}

export function inventPatient(random: Random, clientId: string, id: string): Patient {
  const [species, breeds] = random.pick(SPECIES);
  return { id, clientId, name: `${random.pick(ANIMALS)}-Sample`, species, breed: random.pick(breeds) };
}

/** 555-0100 to 555-0199 are reserved for fiction; typed in five ways, one of them without the area code. */
export function inventPhone(random: Random): string {
  const area = random.pick(AREA_CODES);
  const last = String(random.int(100, 199)).padStart(4, '0');
  return random.pick([
    `(${area}) 555-${last}`,
    `${area}-555-${last}`,
    `${area}555${last}`,
    `+1 ${area} 555 ${last}`,
    random.chance(0.3) ? `555 ${last}` : `${area}.555.${last}`,
  ]);
}

/** E.164 as expected of a copy; null when the number cannot be completed. */
export function expectedPhone(typed: string): string | null {
  const digits = typed.replaceAll(/\D/g, '');
  if (digits.length === 10) return `+1${digits}`;
  return digits.length === 11 && digits.startsWith('1') ? `+${digits}` : null;
}
