/** What may happen in a history, as data that fast-check makes and shrinks. */
import fc from 'fast-check';
import { CONTENTS, UNITS } from './practice.ts';

const connection = fc.nat(2);
const process = fc.nat(1);
const file = fc.nat(11);
const unit = fc.constantFrom(...UNITS);
const content = fc.nat(CONTENTS - 1);

function command<T extends string, F extends Record<string, fc.Arbitrary<unknown>>>(type: T, fields: F) {
  return fc.record({ type: fc.constant(type), ...fields } as const);
}

const EDITS = [
  command('add', { connection, unit, content }),
  command('change', { connection, file, content, told: fc.boolean() }),
  command('move', { connection, file }),
  command('replace', { connection, file }),
  command('flag', { connection, file }),
  command('delete', { connection, file }),
  command('reassign', { connection, file, unit }),
  command('remove-patient', { connection, unit }),
  command('lose-file', { connection, file }),
  command('empty', { connection }),
  command('refill', { connection }),
] as const;

const TROUBLE = [
  command('unmount', { connection }),
  command('mount', { connection, other: fc.boolean() }),
  command('partial', { connection, rows: fc.nat(3) }),
  command('miscount', { connection }),
  command('unreachable', { connection }),
  command('heal', { connection }),
  command('crash', { process }),
  command('freeze', { process, ms: fc.constantFrom(500, 5000, 16_000, 40_000) }),
  command('cut-off', { process, ms: fc.constantFrom(500, 5000, 16_000, 40_000) }),
  command('clock', { process, ms: fc.constantFrom(-7_200_000, -60_000, 60_000, 3_600_000) }),
] as const;

const WORK = [
  command('sync', {
    process,
    connection,
    mode: fc.constantFrom('quick', 'quick', 'deep', 'checksum'),
    trigger: fc.constantFrom('schedule', 'manual'),
    unit: fc.option(unit, { freq: 5, nil: null }),
  }),
  command('decide', { process, connection, approve: fc.boolean() }),
  command('care', { process, connection }),
  command('cancel', { connection }),
  command('wait', { ms: fc.constantFrom(1000, 16_000, 400_000, 1_800_000, 700_000_000) }),
] as const;

const anyCommand = fc.oneof(
  { weight: 5, arbitrary: EDITS[0] },
  { weight: 8, arbitrary: fc.oneof(...EDITS.slice(1)) },
  { weight: 4, arbitrary: fc.oneof(...TROUBLE) },
  { weight: 9, arbitrary: WORK[0] },
  { weight: 4, arbitrary: fc.oneof(...WORK.slice(1)) },
);

type Phrase = readonly { readonly command: Command; readonly steps: number }[];

/** Much that happens in a row: by chance alone it would hardly ever come together. */
const phrases: fc.Arbitrary<Phrase> = fc
  .record({
    kind: fc.constantFrom('fill', 'accident', 'accident', 'clear out', 'forget', 'break'),
    connection,
    process,
    contents: fc.array(content, { minLength: 3, maxLength: 6 }),
    units: fc.array(unit, { minLength: 6, maxLength: 6 }),
    back: fc.boolean(),
    approve: fc.boolean(),
    steps: fc.constantFrom(0, 30, 2000),
  })
  .map(({ kind, connection, process, contents, units, back, approve, steps }) => {
    const sync = { type: 'sync', process, connection, mode: 'quick', trigger: 'manual', unit: null } as const;
    const fill = contents.map((content, i) => ({ type: 'add', connection, unit: units[i]!, content }) as const);
    const gone: readonly Command[] =
      kind === 'accident'
        ? [{ type: 'empty', connection }]
        : contents.map((_, i) => ({ type: 'delete', connection, file: i }) as const);
    if (kind === 'forget') {
      const few = contents.slice(0, 2).map((_, i) => ({ type: 'delete', connection, file: i }) as const);
      const care = { type: 'care', process, connection } as const;
      const wait = { type: 'wait', ms: 700_000_000 } as const;
      // What is cleared away may be needed again at that very moment.
      const again: readonly Command[] = back ? [{ type: 'refill', connection }, sync] : [];
      return atOnce([...fill, sync, ...few, sync, sync, wait, care, ...again, care], steps);
    }
    if (kind === 'break') {
      const lost = contents.slice(0, 2).map((_, i) => ({ type: 'lose-file', connection, file: i }) as const);
      return atOnce([...fill, ...lost, sync, { type: 'heal', connection }, sync], steps);
    }
    const rest: readonly Command[] = [
      sync,
      sync,
      ...(back ? [{ type: 'refill', connection } as const] : []),
      { type: 'decide', process, connection, approve },
    ];
    const all: readonly Command[] = kind === 'fill' ? [...fill, sync] : [...fill, sync, ...gone, ...rest];
    return atOnce(all, steps);
  });

/** Runs and care come to their end, of the others it depends. */
function atOnce(commands: readonly Command[], steps: number): Phrase {
  return commands.map((command) => ({ command, steps: ['sync', 'care'].includes(command.type) ? 2000 : steps }));
}

export type Command =
  | { type: 'add'; connection: number; unit: string; content: number }
  | { type: 'change'; connection: number; file: number; content: number; told: boolean }
  | { type: 'move' | 'replace' | 'flag' | 'delete' | 'lose-file'; connection: number; file: number }
  | { type: 'reassign'; connection: number; file: number; unit: string }
  | { type: 'remove-patient'; connection: number; unit: string }
  | { type: 'empty' | 'refill' | 'unmount' | 'miscount' | 'unreachable' | 'heal' | 'cancel'; connection: number }
  | { type: 'mount'; connection: number; other: boolean }
  | { type: 'partial'; connection: number; rows: number }
  | { type: 'crash'; process: number }
  | { type: 'freeze' | 'cut-off' | 'clock'; process: number; ms: number }
  | {
      type: 'sync';
      process: number;
      connection: number;
      mode: 'quick' | 'deep' | 'checksum';
      trigger: 'schedule' | 'manual';
      unit: string | null;
    }
  | { type: 'decide'; process: number; connection: number; approve: boolean }
  | { type: 'care'; process: number; connection: number }
  | { type: 'wait'; ms: number };

export interface History {
  /** Decides the order of everything that is not a command. */
  readonly schedule: number;
  /** How many of a thousand calls meet a fault. */
  readonly faults: number;
  /** A step of a port (`records.removeDocuments`) that meets one at every third call; null: none. */
  readonly aim: string | null;
  /** Each with the number of steps until the next one. */
  readonly commands: readonly { readonly command: Command; readonly steps: number }[];
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

/** Those that few histories come to at all are aimed at more often. */
const RARE = [
  'blobs.delete',
  'blobs.stat',
  'records.clearMissing',
  'records.removeDocuments',
  'runs.completeHeldSet',
  'runs.decideHeldSet',
  'runs.heldSet',
  'runs.recordFailures',
  'runs.resolveFailures',
];

const single: fc.Arbitrary<Phrase> = fc
  .record({
    command: anyCommand as fc.Arbitrary<Command>,
    steps: fc.oneof({ weight: 3, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constant(2000) }),
  })
  .map((part) => [part]);

export const histories: fc.Arbitrary<History> = fc.record({
  schedule: fc.noShrink(fc.nat(2 ** 31 - 1)),
  faults: fc.constantFrom(0, 0, 5, 20, 60),
  aim: fc.option(fc.constantFrom(...STEPS, ...RARE, ...RARE, ...RARE), { freq: 9, nil: null }),
  commands: fc
    .array(fc.oneof({ weight: 9, arbitrary: single }, { weight: 1, arbitrary: phrases }), {
      minLength: 6,
      maxLength: 30,
      size: 'max',
    })
    .map((parts) => parts.flat()),
});

export function tell(history: History): string {
  const lines = history.commands.map(({ command, steps }) => {
    const { type, ...rest } = command;
    const fields = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
    return `  ${[type, ...fields].join(', ')}; then ${steps} steps`;
  });
  const aim = history.aim === null ? '' : `, and at every third ${history.aim}`;
  return [`schedule ${history.schedule}, faults at ${history.faults} of 1000 calls${aim}`, ...lines].join('\n');
}
