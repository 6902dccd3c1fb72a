/** Single things that happen in a history: edits of the practice, trouble, and work. */
import fc from 'fast-check';
import { CONTENTS, UNITS } from './practice.ts';

export const connection = fc.nat(2);
export const process = fc.nat(1);
const file = fc.nat(11);
export const unit = fc.constantFrom(...UNITS);
export const content = fc.nat(CONTENTS - 1);

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
  command('lose-marker', { connection: fc.constant(2) }),
  command('lose-content', { connection, file }),
  command('partial', { connection, rows: fc.nat(3) }),
  command('miscount', { connection }),
  command('unreachable', { connection }),
  command('heal', { connection }),
  command('crash', { process }),
  command('stop', { process }),
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
  command('plan', {
    process,
    connection,
    mode: fc.constantFrom('quick', 'deep', 'checksum'),
    unit: fc.option(unit, { freq: 5, nil: null }),
  }),
  command('apply-plan', { process, connection }),
  command('cancel', { connection }),
  command('wait', { ms: fc.constantFrom(1000, 16_000, 400_000, 1_800_000, 700_000_000) }),
] as const;

export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: EDITS[0] },
  { weight: 8, arbitrary: fc.oneof(...EDITS.slice(1)) },
  { weight: 4, arbitrary: fc.oneof(...TROUBLE) },
  { weight: 9, arbitrary: WORK[0] },
  { weight: 4, arbitrary: fc.oneof(...WORK.slice(1)) },
) as fc.Arbitrary<Command>;

export type Command =
  | { type: 'add'; connection: number; unit: string; content: number }
  | { type: 'change'; connection: number; file: number; content: number; told: boolean }
  | { type: 'move' | 'replace' | 'flag' | 'delete' | 'lose-file' | 'lose-content'; connection: number; file: number }
  | { type: 'reassign'; connection: number; file: number; unit: string }
  | { type: 'remove-patient'; connection: number; unit: string }
  | {
      type: 'empty' | 'refill' | 'unmount' | 'miscount' | 'unreachable' | 'heal' | 'cancel' | 'lose-marker';
      connection: number;
    }
  | { type: 'mount'; connection: number; other: boolean }
  | { type: 'partial'; connection: number; rows: number }
  | { type: 'crash' | 'stop'; process: number }
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
  | { type: 'apply-plan'; process: number; connection: number }
  | {
      type: 'plan';
      process: number;
      connection: number;
      mode: 'quick' | 'deep' | 'checksum';
      unit: string | null;
    }
  | { type: 'care'; process: number; connection: number }
  | { type: 'wait'; ms: number };
