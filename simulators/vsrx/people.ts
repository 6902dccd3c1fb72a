/** The invented people of the sample practice. No name may pass for a real person's: given names say "sample", surnames are trees. */
import type { Random } from './random.ts';

export interface Person {
  readonly title: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly gender: string;
  /** `YYYY-MM-DD` */
  readonly dob: string;
  readonly phone: string;
  readonly email: string;
  readonly claimNumber: string;
  readonly employer: string;
  /** `YYYY-MM-DD` */
  readonly injuryDate: string;
  readonly injury: Injury;
}

export interface Injury {
  readonly region: string;
  readonly diagnosis: string;
  readonly mechanism: string;
  readonly imaging: string;
}

const GIVEN = [
  'Sample',
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
  'Ulme-Tanne',
  'Vine',
  'Willow',
  'Yewtree',
  'Ölbaum',
];
const EMPLOYERS = [
  'Example Freight Pty Ltd',
  'Placeholder Timber Yard',
  'Specimen Catering Group',
  'Mock Street Primary School',
  'Fictional Roofing Co',
  'Sample Valley Orchards',
];
const INJURIES: readonly Injury[] = [
  {
    region: 'lumbar spine',
    diagnosis: 'L4/5 disc protrusion with left-sided radicular pain',
    mechanism: 'lifting a crate from floor height',
    imaging: 'a broad-based L4/5 disc protrusion contacting the left L5 nerve root, without canal stenosis',
  },
  {
    region: 'right shoulder',
    diagnosis: 'partial-thickness supraspinatus tear with subacromial bursitis',
    mechanism: 'repeated overhead stacking',
    imaging: 'a 6 mm articular-side partial tear of the supraspinatus and thickening of the subacromial bursa',
  },
  {
    region: 'left knee',
    diagnosis: 'medial meniscus tear',
    mechanism: 'a twisting fall on a wet ramp',
    imaging: 'a horizontal tear of the posterior horn of the medial meniscus and a small joint effusion',
  },
  {
    region: 'cervical spine',
    diagnosis: 'whiplash-associated disorder, grade II',
    mechanism: 'a rear-end collision in a work vehicle',
    imaging: 'loss of the normal lordosis and mild C5/6 degenerative change, with no fracture',
  },
  {
    region: 'right wrist',
    diagnosis: 'distal radius fracture, united, with residual stiffness',
    mechanism: 'a fall from a step ladder',
    imaging: 'a united extra-articular distal radius fracture with 8 degrees of dorsal tilt',
  },
];

/** What the n-th candidate suffers from: all documents of one person tell the same story. */
export function injuryOf(candidate: number): Injury {
  return INJURIES[candidate % INJURIES.length]!;
}

/** Distinct people; the same list for the same stream. */
export function inventPeople(random: Random, count: number): Person[] {
  const people: Person[] = [];
  for (let i = 0; i < count; i++) {
    const own = random.fork(i);
    // Walking both lists with co-prime steps gives 350 different names before the first repeats.
    const firstName = GIVEN[(i * 5 + 1) % GIVEN.length]!;
    const lastName = TREES[(i * 7) % TREES.length]!;
    const round = Math.floor(i / (GIVEN.length * TREES.length));
    const surname = round ? `${lastName} ${round + 1}` : lastName;
    const gender = own.pick(['Male', 'Female', 'Female', 'Male', 'Other']);
    people.push({
      title: own.pick(gender === 'Male' ? ['Mr', 'Mr', 'Dr'] : gender === 'Female' ? ['Ms', 'Mrs', 'Dr'] : ['Mx']),
      firstName,
      lastName: surname,
      gender,
      dob: day(own.int(1948, 2004), own.int(1, 12), own.int(1, 28)),
      // 5550 xxxx and example.com are reserved for fiction and examples.
      phone: `(02) 5550 ${String(own.int(0, 9999)).padStart(4, '0')}`,
      email: `patient${i + 1}@example.com`,
      claimNumber: `WC-${own.int(10, 99)}-${String(i * 37 + 1001)}`,
      employer: own.pick(EMPLOYERS),
      injuryDate: day(own.int(2022, 2024), own.int(1, 12), own.int(1, 28)),
      injury: injuryOf(i + 1),
    });
  }
  return people;
}

export const PRACTICE = {
  name: 'Riverside Sample Medico-Legal',
  address: '1 Example Parade, Sampleton NSW 2999',
  phone: '(02) 5550 1000',
} as const;

export const SPECIALISTS = [
  { name: 'Dr Specimen Acacia', role: 'Orthopaedic Surgeon' },
  { name: 'Dr Testa Banksia', role: 'Occupational Physician' },
  { name: 'Dr Mock Casuarina', role: 'Neurologist' },
  { name: 'Dr Fictia Boxwood', role: 'Consultant Psychiatrist' },
  { name: 'Dr Demo Lillypilly', role: 'Radiologist' },
] as const;

function day(year: number, month: number, date: number): string {
  return `${year}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`;
}
