/** Much that happens in a row: by chance alone it would hardly ever come together. */
import fc from 'fast-check';
import { type Command, connection, content, process, unit } from './commands.ts';

/** Commands, each with the number of steps until the next one. */
export type Phrase = readonly { readonly command: Command; readonly steps: number }[];

interface Words {
  readonly connection: number;
  readonly process: number;
  readonly contents: readonly number[];
  readonly units: readonly string[];
  /** What is gone comes back. */
  readonly back: boolean;
  readonly approve: boolean;
  readonly steps: number;
}

const words: fc.Arbitrary<Words> = fc.record({
  connection,
  process,
  contents: fc.array(content, { minLength: 3, maxLength: 6 }),
  units: fc.array(unit, { minLength: 6, maxLength: 6 }),
  back: fc.boolean(),
  approve: fc.boolean(),
  steps: fc.constantFrom(0, 30, 2000),
});

/** Runs and the like come to their end, of the others it depends. */
const TO_THE_END: readonly string[] = ['sync', 'care', 'plan', 'apply-plan'];
const ALL = 2000;

function inARow(commands: readonly Command[], steps: number): Phrase {
  return commands.map((command) => ({ command, steps: TO_THE_END.includes(command.type) ? ALL : steps }));
}

const syncOf = ({ connection, process }: Pick<Words, 'connection' | 'process'>) =>
  ({ type: 'sync', process, connection, mode: 'quick', trigger: 'manual', unit: null }) as const;

const fillOf = ({ connection, contents, units }: Words): Command[] =>
  contents.map((content, i) => ({ type: 'add', connection, unit: units[i]!, content }));

const deletesOf = ({ connection, contents }: Words): Command[] =>
  contents.map((_, i) => ({ type: 'delete', connection, file: i }));

/** Steps after which a run is somewhere in its middle. */
const middleOf = ({ contents }: Words): number => 15 + contents[0]! * 8;

function lossOf(told: Words, gone: readonly Command[]): Phrase {
  const { connection, process, back, approve, steps } = told;
  const sync = syncOf(told);
  const again: readonly Command[] = back ? [{ type: 'refill', connection }] : [];
  const decide = { type: 'decide', process, connection, approve } as const;
  return inARow([...fillOf(told), sync, ...gone, sync, sync, ...again, decide], steps);
}

const PHRASES = {
  fill: (told: Words) => inARow([...fillOf(told), syncOf(told)], told.steps),
  /** Everything is looked at again, file by file. */
  look(told: Words) {
    const sync = syncOf(told);
    return inARow([...fillOf(told), sync, { ...sync, mode: 'deep' }, { ...sync, mode: 'checksum' }], told.steps);
  },
  /** All rows are gone at once. */
  accident: (told: Words) => lossOf(told, [{ type: 'empty', connection: told.connection }]),
  'clear out': (told: Words) => lossOf(told, deletesOf(told)),
  /** What was missed once comes back. */
  return(told: Words) {
    const sync = syncOf(told);
    const refill = { type: 'refill', connection: told.connection } as const;
    return inARow([...fillOf(told), sync, ...deletesOf(told).slice(0, 2), sync, refill, sync], told.steps);
  },
  /** What is cleared away may be needed again at that very moment. */
  forget(told: Words) {
    const { connection, process, back, steps } = told;
    const sync = syncOf(told);
    const care = { type: 'care', process, connection } as const;
    const wait = { type: 'wait', ms: 700_000_000 } as const;
    const again: readonly Command[] = back ? [{ type: 'refill', connection }, sync] : [];
    const gone = deletesOf(told).slice(0, 2);
    return inARow([...fillOf(told), sync, ...gone, sync, sync, wait, care, ...again, care], steps);
  },
  /** Files are lost and found again. */
  break(told: Words) {
    const { connection, contents, steps } = told;
    const sync = syncOf(told);
    const lost = contents.slice(0, 2).map((_, i): Command => ({ type: 'lose-file', connection, file: i }));
    return inARow([...fillOf(told), ...lost, sync, { type: 'heal', connection }, sync], steps);
  },
  /** A plan is executed, twice by mistake, after something may have changed. */
  plan(told: Words) {
    const { connection, process, back, steps } = told;
    const sync = syncOf(told);
    const plan = { type: 'plan', process, connection, mode: 'quick', unit: null } as const;
    const between: readonly Command[] = back ? [{ type: 'refill', connection }] : [];
    const apply = { type: 'apply-plan', process, connection } as const;
    const gone = deletesOf(told).slice(0, 2);
    return inARow([...fillOf(told), sync, ...gone, sync, plan, ...between, apply, apply], steps);
  },
  /** A run is cancelled, or its process is asked to stop. */
  interrupt(told: Words) {
    const { connection, process, back, steps } = told;
    const end: Command = back ? { type: 'stop', process } : { type: 'cancel', connection };
    return [...inARow(fillOf(told), 0), { command: syncOf(told), steps: middleOf(told) }, { command: end, steps }];
  },
  /** Silent for longer than its lease, and awake again while its successor is at work. */
  zombie(told: Words) {
    const { process, back } = told;
    const silent = { type: back ? 'cut-off' : 'freeze', process, ms: 16_100 } as const;
    const wait = { type: 'wait', ms: 16_000 } as const;
    const next = syncOf({ ...told, process: 1 - process });
    return [
      ...inARow(fillOf(told), 0),
      { command: syncOf(told), steps: middleOf(told) },
      ...inARow([silent, wait, deletesOf(told)[0]!, next], 0),
    ];
  },
} satisfies Record<string, (told: Words) => Phrase>;

export type PhraseKind = keyof typeof PHRASES;

export function phrase(...kinds: readonly PhraseKind[]): fc.Arbitrary<Phrase> {
  return fc.tuple(fc.constantFrom(...kinds), words).map(([kind, told]): Phrase => PHRASES[kind](told));
}

export const anyPhrase: fc.Arbitrary<Phrase> = phrase(...(Object.keys(PHRASES) as PhraseKind[]), 'accident');
