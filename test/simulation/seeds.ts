/** Histories that once looked wrong, smallest form. A failing seed is added here together with its repair. */
import type { History } from './history.ts';
import { UNITS } from './practice.ts';

const [A, , C] = UNITS as [string, string, string];
const quick = { type: 'sync', mode: 'quick', trigger: 'schedule', unit: null } as const;

export const REGRESSIONS: readonly { readonly why: string; readonly history: History }[] = [
  {
    why: 'a read that was to end early, of a source that is empty anyway, is a whole one',
    history: {
      schedule: 27,
      faults: 0,
      aim: null,
      commands: [
        { command: { type: 'add', connection: 1, unit: A, content: 0 }, steps: 2000 },
        { command: { ...quick, process: 0, connection: 1 }, steps: 2000 },
        { command: { type: 'partial', connection: 1, rows: 0 }, steps: 0 },
        { command: { type: 'delete', connection: 1, file: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 1 }, steps: 2000 },
      ],
    },
  },
  {
    why: 'an item that a process with a fast clock missed goes when that time has come',
    history: {
      schedule: 26,
      faults: 0,
      aim: null,
      commands: [
        { command: { type: 'add', connection: 1, unit: A, content: 0 }, steps: 0 },
        { command: { type: 'clock', process: 1, ms: 3_600_000 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 1 }, steps: 2000 },
        { command: { type: 'empty', connection: 1 }, steps: 0 },
        { command: { ...quick, process: 1, connection: 1 }, steps: 2000 },
      ],
    },
  },
  {
    why: 'a share that is swapped during a read proves no move',
    history: {
      schedule: 16,
      faults: 0,
      aim: null,
      commands: [
        { command: { type: 'mount', connection: 2, other: true }, steps: 0 },
        { command: { type: 'add', connection: 2, unit: A, content: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 2 }, steps: 2000 },
        { command: { type: 'replace', connection: 2, file: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 2 }, steps: 11 },
      ],
    },
  },
  {
    why: 'a patient whose files were read only in part is not told to be up to date',
    history: {
      schedule: 1,
      faults: 0,
      aim: null,
      commands: [
        { command: { type: 'add', connection: 2, unit: A, content: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 2 }, steps: 2000 },
        { command: { type: 'add', connection: 2, unit: A, content: 1 }, steps: 0 },
        { command: { type: 'partial', connection: 2, rows: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 2 }, steps: 2000 },
      ],
    },
  },
  {
    why: 'a share may be away for a moment during a read, when it is there before and after',
    history: {
      schedule: 1242175805,
      faults: 0,
      aim: null,
      commands: [
        { command: { type: 'add', connection: 0, unit: A, content: 0 }, steps: 0 },
        { command: { type: 'add', connection: 0, unit: A, content: 0 }, steps: 0 },
        { command: { type: 'add', connection: 0, unit: C, content: 0 }, steps: 0 },
        { command: { type: 'add', connection: 0, unit: C, content: 0 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 0 }, steps: 2000 },
        { command: { ...quick, process: 0, connection: 0 }, steps: 0 },
        { command: { type: 'cancel', connection: 0 }, steps: 2000 },
        { command: { type: 'flag', connection: 0, file: 0 }, steps: 2000 },
        { command: { ...quick, process: 0, connection: 1 }, steps: 0 },
        { command: { ...quick, process: 0, connection: 0 }, steps: 23 },
        { command: { type: 'unmount', connection: 0 }, steps: 4 },
      ],
    },
  },
];
