/** The wording of the practice's documents: ordinary letters about invented people, each long enough to be worth searching. */
import { type Person, PRACTICE, SPECIALISTS } from './people.ts';
import type { Random } from './random.ts';

export type LetterKind =
  | 'referral'
  | 'specialist-report'
  | 'certificate'
  | 'consent'
  | 'imaging'
  | 'instructions'
  | 'therapy'
  | 'note';

export interface Letter {
  readonly kind: LetterKind;
  readonly title: string;
  /** For a file name: lower case, hyphens. */
  readonly slug: string;
  readonly author: string;
  readonly paragraphs: readonly string[];
}

export interface LetterOptions {
  readonly kind: LetterKind;
  readonly person: Person;
  readonly random: Random;
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** Number of the document within the practice; makes each letter unique. */
  readonly number: number;
}

export const LETTER_KINDS: readonly LetterKind[] = [
  'referral',
  'specialist-report',
  'specialist-report',
  'certificate',
  'consent',
  'imaging',
  'instructions',
  'therapy',
  'note',
];

export function writeLetter({ kind, person, random, date, number }: LetterOptions): Letter {
  const author = random.pick(SPECIALISTS);
  const name = `${person.title} ${person.firstName} ${person.lastName}`;
  const { title, slug, text } = WORDING[kind]({ person, name, random, date });
  return {
    kind,
    title,
    slug,
    author: author.name,
    paragraphs: [
      PRACTICE.name,
      `${PRACTICE.address} – ${PRACTICE.phone}`,
      '',
      `Date: ${date}    Document: ${number}`,
      `Re: ${name}, born ${person.dob}`,
      `Claim: ${person.claimNumber}    Employer: ${person.employer}    Date of injury: ${person.injuryDate}`,
      '',
      ...text.flatMap((paragraph) => [paragraph, '']),
      'Yours sincerely,',
      `${author.name}, ${author.role}`,
    ],
  };
}

interface Facts {
  readonly person: Person;
  readonly name: string;
  readonly random: Random;
  readonly date: string;
}

interface Wording {
  readonly title: string;
  readonly slug: string;
  readonly text: readonly string[];
}

const WORDING: Readonly<Record<LetterKind, (facts: Facts) => Wording>> = {
  referral: ({ person: { injury, injuryDate }, name, random }) => ({
    title: 'Referral for specialist opinion',
    slug: 'referral',
    text: [
      `Thank you for seeing ${name}, who injured the ${injury.region} on ${injuryDate} through ${injury.mechanism}.`,
      `Symptoms have persisted for ${random.int(3, 18)} months despite ${treatments(random)}. Current medication is ${medication(random)}. There are no known drug allergies.`,
      `I would value your opinion on diagnosis, further treatment and capacity for work. Imaging showed ${injury.imaging}.`,
    ],
  }),
  'specialist-report': (facts) => ({
    title: 'Independent medical examination report',
    slug: 'specialist-report',
    text: report(facts),
  }),
  certificate: ({ person: { injury }, name, random, date }) => ({
    title: 'WorkCover certificate of capacity',
    slug: 'certificate-of-capacity',
    text: [
      `I examined ${name} on ${date}. Diagnosis: ${injury.diagnosis}.`,
      `Capacity: fit for suitable duties from ${date} for ${random.int(2, 6)} weeks, ${random.int(3, 7)} hours a day, ${random.int(2, 5)} days a week.`,
      `Restrictions: no lifting above ${random.int(2, 12)} kg, sitting at most ${random.int(20, 60)} minutes at a time, no work above shoulder height. Treatment plan: ${treatments(random)}.`,
      'This certificate was issued for the purpose of a claim and must be kept with the claim file.',
    ],
  }),
  consent: ({ name, date }) => ({
    title: 'Consent to examination and release of records',
    slug: 'consent-form',
    text: [
      `I, ${name}, consent to be examined and understand that the examiner does not become my treating doctor.`,
      'I agree that clinical notes, imaging and reports may be obtained from my treating practitioners and given to the party that requested the assessment.',
      'I have been told that I may withdraw this consent in writing at any time, and what this means for my claim.',
      `Signed in the presence of a staff member on ${date}. Signature: on file.`,
    ],
  }),
  imaging: ({ person: { injury }, random }) => ({
    title: `Imaging report: ${injury.region}`,
    slug: 'imaging-report',
    text: [
      `Technique: ${random.pick(['MRI, multiplanar T1 and T2 sequences without contrast', 'plain radiographs in two planes', 'ultrasound, high-frequency linear probe'])}. Comparison: ${random.pick(['none available', 'previous study of the same region'])}.`,
      `Clinical history: ${injury.mechanism}; pain in the ${injury.region}.`,
      `Findings: There is ${injury.imaging}. Alignment is preserved. Adjacent soft tissues are unremarkable. No suspicious bone lesion.`,
      `Conclusion: ${injury.diagnosis}. Clinical correlation is suggested.`,
    ],
  }),
  instructions: ({ person: { injury }, name, random }) => ({
    title: 'Letter of instruction',
    slug: 'letter-of-instruction',
    text: [
      `We act in the matter of ${name} and ask for an independent opinion. The documents in the attached index form part of your brief.`,
      'Please answer the following questions with reasons:',
      `1. What is the diagnosis of the condition of the ${injury.region}?`,
      '2. Is employment a substantial contributing factor?',
      '3. What treatment is reasonably necessary, and for how long?',
      '4. Has the condition reached maximum improvement? If so, what is the whole person impairment?',
      `Your report is needed within ${random.int(10, 28)} days of the examination.`,
    ],
  }),
  therapy: ({ person: { injury }, name, random }) => ({
    title: 'Physiotherapy progress report',
    slug: 'physiotherapy-progress',
    text: [
      `${name} has attended ${random.int(4, 24)} sessions for ${injury.diagnosis}.`,
      `Pain at rest fell from ${random.int(6, 9)}/10 to ${random.int(2, 5)}/10. Range of motion improved by ${random.int(10, 40)} degrees. Grip and lifting tests were within ${random.int(60, 95)} % of the other side.`,
      `The next goals are a return to ${random.pick(['full duties', 'driving for an hour', 'recreational sport', 'work above shoulder height'])} and independence with a home programme. I request approval for ${random.int(4, 8)} further sessions.`,
    ],
  }),
  note: ({ person: { injury }, name, random, date }) => ({
    title: 'File note',
    slug: 'file-note',
    text: [
      `${date}: telephone call with ${name}. ${random.pick(['Confirmed the appointment and the need for an interpreter.', 'Asked for the appointment to be moved to the afternoon.', 'Will bring the imaging discs on the day.', 'Reported a flare-up and a visit to the emergency department.'])}`,
      `Discussed pain in the ${injury.region} and current ${random.pick(['medication', 'duties', 'exercises'])}. ${random.pick(['No change to the plan.', 'Passed on to the assessor.', 'Case manager informed.'])}`,
    ],
  }),
};

function report({ person, name, random, date }: Facts): string[] {
  const { injury } = person;
  const sections = [
    `I examined ${name} at the request of the insurer on ${date}. The interview and examination took ${random.int(40, 90)} minutes. I have read the documents listed in the letter of instruction.`,
    `HISTORY. On ${person.injuryDate}, while working for ${person.employer}, the claimant developed pain in the ${injury.region} after ${injury.mechanism}. Work was stopped within the hour and the general practitioner was seen the next day.`,
    `Treatment so far has included ${treatments(random)}. The claimant reports ${random.pick(['partial', 'temporary', 'little', 'good'])} benefit. Medication at present: ${medication(random)}.`,
    `PRESENT COMPLAINTS. Pain is rated ${random.int(3, 8)}/10, worse with ${random.pick(['bending', 'reaching', 'stairs', 'prolonged sitting'])} and at night. Sleep is interrupted ${random.int(1, 4)} times. Housework and gardening are limited. There is no bladder or bowel disturbance.`,
    `PAST HISTORY. ${random.pick(['No earlier injury of this region is recorded.', 'A minor strain eight years earlier resolved in two weeks.', 'Appendicectomy in childhood; otherwise well.'])} Non-smoker. No other relevant family history.`,
    `EXAMINATION. The claimant was cooperative and moved ${random.pick(['freely', 'guardedly', 'with a slight limp'])}. Inspection showed no wasting. Active range of motion was reduced by ${random.int(10, 45)} %. Power was ${random.pick(['5/5', '4+/5'])}, reflexes were symmetrical and sensation was ${random.pick(['normal', 'reduced over a small area'])}. Provocation tests were ${random.pick(['positive', 'equivocal', 'negative'])}.`,
    `INVESTIGATIONS. I viewed the images myself and agree with the report: there is ${injury.imaging}.`,
    `DIAGNOSIS. ${injury.diagnosis}. The mechanism described, ${injury.mechanism}, is consistent with it.`,
    'CAUSATION. On the balance of probabilities, employment was a substantial contributing factor. Degenerative change was likely present before and was without symptoms.',
    `CAPACITY. The claimant is fit for suitable duties of ${random.int(3, 7)} hours a day with a lifting limit of ${random.int(3, 15)} kg. A graded return to full duties over ${random.int(6, 16)} weeks is realistic.`,
    'TREATMENT. I recommend continued active physiotherapy with a home programme. Passive treatment beyond the next month is unlikely to help. Surgery is not indicated at this stage.',
    `PROGNOSIS. ${random.pick(['Good', 'Guarded', 'Fair'])}. Maximum improvement is expected within ${random.int(3, 12)} months, after which permanent impairment may be assessed.`,
    'I have read the code of conduct for expert witnesses and agree to be bound by it. The opinions expressed are my own.',
  ];
  // Some reports answer many questions: up to four pages instead of two.
  const questions = random.int(0, 26);
  for (let i = 1; i <= questions; i++) {
    sections.push(
      `QUESTION ${i}. ${random.pick(QUESTIONS)} Answer: ${random.pick(ANSWERS)} ${random.pick(ANSWERS)} I refer to the section on ${random.pick(['history', 'examination', 'capacity', 'treatment'])} above.`,
    );
  }
  return sections;
}

const QUESTIONS = [
  'Is the current incapacity related to the injury?',
  'Are the claimed expenses reasonable and necessary?',
  'Would an ergonomic assessment of the workplace be of benefit?',
  'Is there any non-organic component to the presentation?',
  'Would a further specialist opinion be of assistance?',
];
const ANSWERS = [
  'Yes, in my opinion this is more likely than not, for the reasons given.',
  'The available records support this only in part.',
  'No. The findings on examination do not suggest it.',
  'This should be reviewed after the next course of treatment.',
  'I would expect a clear improvement within three months.',
];

function treatments(random: Random): string {
  const list = ['physiotherapy', 'hydrotherapy', 'a guided steroid injection', 'exercise physiology', 'acupuncture'];
  const first = random.int(0, list.length - 1);
  return `${list[first]} and ${list[(first + random.int(1, list.length - 1)) % list.length]}`;
}

function medication(random: Random): string {
  return random.pick([
    'paracetamol as needed',
    'an anti-inflammatory twice a day',
    'a low-dose nerve pain agent at night',
    'none',
  ]);
}
