/**
 * Records that a list hides: archived, cancelled and deleted ones.
 *
 * Whether `archived_at:*` adds the archived records or shows only them is written ambiguously. An answer in which a record without
 * that date appears tells that it adds. As long as no answer has told, a list is asked for with every set of such filters: a record
 * that is archived and cancelled may be in no answer but the one to both.
 */
import type { RecordStream } from '../../domain/clinic.ts';
import type { Json } from './answer.ts';
import { instantOf } from './fields.ts';
import { type HiddenBy, RESOURCES } from './resources.ts';

export interface HiddenRecords {
  /** The filters of these that can stand in a question: those that the server has not refused. */
  sent(stream: RecordStream, asked: readonly HiddenBy[]): readonly HiddenBy[];
  refuse(stream: RecordStream, names: readonly HiddenBy[]): void;
  refused(stream: RecordStream): readonly HiddenBy[];
  /** What was refused may be asked for again. */
  forget(stream: RecordStream): void;
  /** What an answer to a question that really had these filters tells of them. */
  learn(sent: readonly HiddenBy[], records: readonly Json[]): void;
  /** The filter is known to add records and to leave none out. */
  adds(name: HiddenBy): boolean;
  /**
   * The sets of filters to ask for a list with, one after the other, so that together the answers hold all that the server shows. What
   * is learnt from one answer saves later questions.
   */
  questions(stream: RecordStream): Generator<readonly HiddenBy[]>;
}

export function createHiddenRecords(): HiddenRecords {
  const refusals = new Map<RecordStream, Set<HiddenBy>>();
  const adding = new Set<HiddenBy>();

  const sent = (stream: RecordStream, asked: readonly HiddenBy[]) =>
    asked.filter((name) => refusals.get(stream)?.has(name) !== true);

  return {
    sent,
    refuse(stream, names) {
      refusals.set(stream, new Set([...(refusals.get(stream) ?? []), ...names]));
    },
    refused: (stream) => [...(refusals.get(stream) ?? [])],
    forget(stream) {
      refusals.delete(stream);
    },
    learn(names, records) {
      for (const name of names) {
        if (!adding.has(name) && records.some((record) => instantOf(record, name) === null)) adding.add(name);
      }
    },
    adds: (name) => adding.has(name),
    *questions(stream) {
      const { hidden } = RESOURCES[stream];
      yield hidden;
      // What the server refuses is known by now, and asking for it again would read the plain list once more.
      const all = sent(stream, hidden);
      const asked = [all];
      for (const some of setsOf(all.filter((name) => !adding.has(name)))) {
        const names = all.filter((name) => some.includes(name) || adding.has(name));
        const isAnswered = asked.some(
          (before) =>
            names.every((name) => before.includes(name)) &&
            before.every((name) => names.includes(name) || adding.has(name)),
        );
        if (isAnswered) continue;
        asked.push(names);
        yield names;
      }
    },
  };
}

/** All sets of these, small ones first, and of one size those with earlier items first. */
export function setsOf<T>(items: readonly T[]): (readonly T[])[] {
  const sets = Array.from({ length: 2 ** items.length }, (_, set) => items.filter((_, i) => (set >> i) % 2 === 1));
  return sets.sort((a, b) => a.length - b.length);
}
