/** What becomes of an appointment when its time has come. */
import type { Random } from '../vsrx/random.ts';
import { OTHER_TEXTS, type Stage } from './statuses.ts';
import { addMinutes } from './wall.ts';
import { type CalendarEvent, type Clinic, type Consultation, newId, type Vitals } from './world.ts';

const NEXT: Readonly<Partial<Record<Stage, Stage>>> = {
  booked: 'arrived',
  confirmed: 'arrived',
  late: 'arrived',
  arrived: 'inProgress',
  inProgress: 'readyToPay',
  readyToPay: 'finalized',
};
const DIAGNOSES = ['otitis externa', 'dental disease grade 2', 'soft tissue strain', 'healthy on examination'];
const PRODUCTS = ['Examination', 'Rabies vaccine', 'Ear cytology', 'Pain relief tablets', 'Nail trim'];

export function isOver(stage: Stage): boolean {
  return NEXT[stage] === undefined;
}

export function setStage(random: Random, event: CalendarEvent, stage: Stage): void {
  event.stage = stage;
  const others = OTHER_TEXTS[stage];
  event.statusText = others && random.chance(0.1) ? random.pick(others) : null;
}

/** One stage further; a consultation begins when the animal is in the room. */
export function advance(clinic: Clinic, random: Random, event: CalendarEvent): void {
  const next = NEXT[event.stage];
  if (!next) return;
  setStage(random, event, next);
  if (next === 'inProgress') consult(clinic, random, event, 'In Progress');
  if (next === 'finalized') {
    const open = clinic.consultations.find(({ appointmentId }) => appointmentId === event.id);
    if (open) open.status = random.pick(['Completed', 'Paid', 'Paid', 'Unpaid', 'Partially paid']);
    else consult(clinic, random, event, 'Completed');
  }
}

/** The end of an appointment of the past. */
export function finish(clinic: Clinic, random: Random, event: CalendarEvent): void {
  const chance = random.next();
  if (chance < 0.06) setStage(random, event, 'noShow');
  else if (chance < 0.12) cancel(random, event);
  else {
    setStage(random, event, chance < 0.16 ? 'readyToPay' : 'finalized');
    consult(clinic, random, event, random.pick(['Completed', 'Paid', 'Paid', 'Unpaid', 'Partially paid', 'Draft']));
  }
}

export function cancel(random: Random, event: CalendarEvent): void {
  setStage(random, event, 'cancelled');
  event.cancelledReason = random.pick(['client asked', 'animal is better', 'clinic asked']);
}

function consult(clinic: Clinic, random: Random, event: CalendarEvent, status: Consultation['status']): void {
  if (event.patientId === null) return;
  clinic.consultations.push({
    id: newId(clinic),
    // One in twenty is written without an appointment: nobody may guess which it was.
    appointmentId: random.chance(0.95) ? event.id : null,
    patientId: event.patientId,
    providerId: event.providerId,
    consultedAt: addMinutes(event.start, random.int(0, 10)),
    status,
    reason: event.reason,
    clinicalNotes: random.chance(0.85) ? `Sample notes: seen for ${event.reason}. Bright and alert.` : '',
    dischargeSummary: random.chance(0.5) ? 'Sample summary: rest for a week, come back if it gets worse.' : '',
    vitals: random.chance(0.8) ? inventVitals(random) : null,
    diagnoses: random.chance(0.7) ? [random.pick(DIAGNOSES)] : [],
    lines: [1, 2].map((quantity) => ({
      productService: random.pick(PRODUCTS),
      quantity,
      isDeclined: random.chance(0.1),
    })),
  });
}

function inventVitals(random: Random): Vitals {
  const vitals: Vitals = {
    temperature: random.int(1000, 1029) / 10,
    pulse: random.int(70, 180),
    respiration: random.int(15, 40),
    weight: random.int(40, 900) / 10,
    bloodPressure: `${random.int(110, 150)}/${random.int(60, 90)}`,
  };
  if (random.chance(0.7)) return vitals;
  return random.chance(0.5)
    ? { ...vitals, temperatureUnit: 'F', weightUnit: 'lb' }
    : { ...vitals, temperature: random.int(380, 392) / 10, temperatureUnit: 'C', weightUnit: 'kg' };
}
