/** What may happen in a history, as data that fast-check makes and shrinks. */
import fc from 'fast-check';
import { anyCommand } from './commands.ts';
import { anyPhrase, type Phrase, type PhraseKind, phrase } from './phrases.ts';

export interface History {
  /** Decides the order of everything that is not a command. */
  readonly schedule: number;
  /** How many of a thousand calls meet a fault. */
  readonly faults: number;
  /** A step of a port (`records.removeDocuments`) that meets one at every third call; null: none. */
  readonly aim: string | null;
  /** Each with the number of steps until the next one. */
  readonly commands: Phrase;
}

/** Late or rare steps, which a fault that strikes anywhere would seldom meet. */
const STEPS = [
  'blobs.delete',
  'blobs.put',
  'blobs.stat',
  'records.clearMissing',
  'records.finishUnits',
  'records.markMissing',
  'records.recordDocuments',
  'records.releaseBlobs',
  'records.removeDocuments',
  'records.reserveBlobs',
  'records.storedDocuments row',
  'records.touchFilesets',
  'runs.completeHeldSet',
  'runs.decideHeldSet',
  'runs.finish',
  'runs.heartbeat',
  'runs.heldSet',
  'runs.holdRemovals',
  'runs.recordFailures',
  'runs.resolveFailures',
  'runs.start',
  'share.read',
  'share.stat',
  'source.absentPatients',
  'source.presence',
  'source.readFiles row',
];

/** Those that few histories come to at all, with what leads there. */
const RARE: readonly (readonly [aim: string, ...ways: PhraseKind[]])[] = [
  ['blobs.delete', 'forget'],
  ['blobs.stat', 'look'],
  ['share.stat', 'look'],
  ['records.clearMissing', 'return'],
  ['records.markMissing', 'return', 'forget'],
  ['records.removeDocuments', 'forget', 'plan'],
  ['runs.completeHeldSet', 'accident', 'clear out'],
  ['runs.decideHeldSet', 'accident', 'clear out'],
  ['runs.heldSet', 'accident', 'clear out'],
  ['runs.recordFailures', 'break'],
  ['runs.resolveFailures', 'break'],
  ['runs.runs', 'plan'],
  ['runs.heartbeat', 'zombie'],
];

const single: fc.Arbitrary<Phrase> = fc
  .record({
    command: anyCommand,
    steps: fc.oneof({ weight: 3, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constant(2000) }),
  })
  .map((part) => [part]);

const schedule = fc.noShrink(fc.nat(2 ** 31 - 1));

const usual: fc.Arbitrary<History> = fc.record({
  schedule,
  faults: fc.constantFrom(0, 0, 5, 20, 60),
  aim: fc.option(fc.constantFrom(...STEPS), { freq: 9, nil: null }),
  commands: fc
    .array(fc.oneof({ weight: 9, arbitrary: single }, { weight: 1, arbitrary: anyPhrase }), {
      minLength: 6,
      maxLength: 30,
      size: 'max',
    })
    .map((parts) => parts.flat()),
});

/** Goes straight for a rare step. */
const aimed = RARE.map(([aim, ...ways]) =>
  fc.record({
    schedule,
    faults: fc.constantFrom(0, 5),
    aim: fc.constant(aim),
    commands: fc
      .tuple(phrase(...ways), fc.array(single, { maxLength: 6 }), phrase(...ways))
      .map(([first, between, last]): Phrase => [...first, ...between.flat(), ...last]),
  }),
);

export const histories: fc.Arbitrary<History> = fc.oneof(
  { weight: 5, arbitrary: usual },
  { weight: 1, arbitrary: fc.oneof(...aimed) },
);

export function tell(history: History): string {
  const lines = history.commands.map(({ command, steps }) => {
    const { type, ...rest } = command;
    const fields = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
    return `  ${[type, ...fields].join(', ')}; then ${steps} steps`;
  });
  const aim = history.aim === null ? '' : `, and at every third ${history.aim}`;
  return [`schedule ${history.schedule}, faults at ${history.faults} of 1000 calls${aim}`, ...lines].join('\n');
}
