/**
 * A run that was started with a plan does nothing that the plan did not show: it compares again, and stops at what would go beyond.
 * Less than was shown is fine: something may have been done, or taken back, meanwhile.
 */
import { SyncError } from '../domain/errors.ts';
import type { Deed, PlannedItem, PlannedItems } from '../domain/planned-items.ts';
import { type GuardInput, type GuardLimits, type GuardVerdict, guard } from './guard.ts';

/** How a run gets its plan. @throws SyncError `plan_differs` when it is not kept any more */
export type PlanOfRun = () => Promise<PlannedItems>;

export type PlannedDeed = PlannedItem & { readonly what: Deed };

const WORDS: Readonly<Record<Deed, string>> = {
  add: 'to add',
  move: 'to move',
  update: 'to update',
  inspect: 'to look at',
  remove: 'to delete',
  bring: 'to bring',
};

/** What was shown as more than it is by now: some of it was done meanwhile, and less than was shown is fine. */
const LESS_THAN: Readonly<Partial<Record<Deed, readonly Deed[]>>> = {
  move: ['add'],
  update: ['add'],
  inspect: ['add', 'update', 'move'],
};

/** Counts what goes beyond a plan. */
export function createPlanCheck(planned: PlannedItems) {
  const beyond = new Map<Deed, number>();
  return {
    look(deed: PlannedDeed): void {
      const more = LESS_THAN[deed.what] ?? [];
      const isShown = planned.has(deed) || more.some((what) => planned.has({ ...deed, what }));
      if (!isShown) beyond.set(deed.what, (beyond.get(deed.what) ?? 0) + 1);
    },
    /** @param list of which only a part has been looked at. @throws SyncError `plan_differs` when anything does */
    settle(list?: string): void {
      if (beyond.size === 0) return;
      const counts = Object.entries(WORDS).flatMap(([what, text]) => {
        const count = beyond.get(what as Deed);
        return count === undefined ? [] : [`${count} ${text}`];
      });
      const detail = `Not in the plan: ${counts.join(', ')}.`;
      throw new SyncError('plan_differs', {
        detail: list === undefined ? detail : `List: ${list}. ${detail} What follows was not looked at.`,
      });
    },
  };
}

/** @param planned null: the run has no plan. @param list see `settle`. @throws SyncError `plan_differs` */
export function requirePlanned(planned: PlannedItems | null, deeds: Iterable<PlannedDeed>, list?: string): void {
  if (planned === null) return;
  const check = createPlanCheck(planned);
  for (const deed of deeds) check.look(deed);
  check.settle(list);
}

/** The guard; what the plan showed as waiting for a person waits, even where the guard would let it go by now. */
export function guardAsPlanned(
  planned: PlannedItems | null,
  unit: string,
  input: GuardInput,
  limits: GuardLimits,
): GuardVerdict {
  const verdict = guard(input, limits);
  const isHeld = planned?.has({ what: 'hold', unit, reference: '' }) === true;
  if (verdict.verdict === 'hold' || input.removals === 0 || !isHeld) return verdict;
  return { verdict: 'hold', reason: 'The plan of this run showed these deletions as waiting for a person.' };
}
