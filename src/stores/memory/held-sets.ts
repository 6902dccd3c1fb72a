/** Removals that the deletion guard held back until a person decides, in memory. */
import { compareKeys } from '../../domain/reference.ts';
import type { Random } from '../../ports/clock.ts';
import type { HeldItem, HeldSet, RunStore } from '../../ports/run-store.ts';
import { holdFence, type MemoryHeldSet, type MemoryWorld } from './world.ts';

type HeldSetStore = Pick<
  RunStore,
  'holdRemovals' | 'heldSets' | 'heldSet' | 'decideHeldSet' | 'decideHeldItems' | 'completeHeldSet'
>;

export function createMemoryHeldSets(world: MemoryWorld, random: Random): HeldSetStore {
  function find(organizationId: string, setId: string): MemoryHeldSet | undefined {
    const found = world.heldSets.get(setId);
    return found?.set.organizationId === organizationId ? found : undefined;
  }

  function change(found: MemoryHeldSet, set: Partial<HeldSet>, items: readonly HeldItem[] = found.items): void {
    world.heldSets.set(found.set.id, { set: { ...found.set, ...set }, items });
  }

  const store: HeldSetStore = {
    async holdRemovals(fence, held, at) {
      holdFence(world, fence);
      const { organizationId, connectionId, runId } = fence;
      const iso = new Date(at).toISOString();
      const pending = [...world.heldSets.values()].find(
        ({ set }) =>
          set.state === 'pending' &&
          set.organizationId === organizationId &&
          set.connectionId === connectionId &&
          set.unit === held.unit,
      );
      if (pending !== undefined) {
        if (held.items.length > 0 && sameItems(pending.items, held.items)) return pending.set.id;
        change(pending, { state: 'superseded', decidedAt: iso });
      }
      if (held.items.length === 0) return null;
      const id = `held_${random.uuid()}`;
      const set: HeldSet = {
        id,
        organizationId,
        connectionId,
        runId,
        unit: held.unit,
        state: 'pending',
        reason: held.reason,
        evidence: held.evidence,
        itemCount: held.items.length,
        createdAt: iso,
        decidedAt: null,
        decidedBy: null,
        note: null,
      };
      world.heldSets.set(id, { set, items: held.items.map((item) => ({ ...item, state: 'held' })) });
      return id;
    },

    async heldSets(organizationId, connectionId) {
      return [...world.heldSets.values()]
        .map(({ set }) => set)
        .filter((set) => set.organizationId === organizationId)
        .filter((set) => connectionId === undefined || set.connectionId === connectionId)
        .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.id < b.id ? -1 : 1));
    },

    async heldSet(organizationId, setId) {
      const found = find(organizationId, setId);
      return found === undefined ? null : { set: found.set, items: [...found.items].sort(compareKeys) };
    },

    async decideHeldSet(organizationId, setId, decision, at) {
      const found = find(organizationId, setId);
      if (found?.set.state !== 'pending') return false;
      const decided = { decidedAt: new Date(at).toISOString(), decidedBy: decision.by, note: decision.note };
      if (decision.approve) {
        change(found, { ...decided, state: 'approved' });
        return true;
      }
      for (const item of found.items) {
        const document = world.documents.get(item.documentUuid);
        if (document?.organizationId !== organizationId || document.deletedAt !== null) continue;
        world.documents.set(item.documentUuid, { ...document, keptSince: at });
      }
      const items = found.items.map((item): HeldItem => ({ ...item, state: 'kept' }));
      change(found, { ...decided, state: 'rejected' }, items);
      return true;
    },

    async decideHeldItems(organizationId, setId, documentUuids, decision, at) {
      const found = find(organizationId, setId);
      if (found?.set.state !== 'pending') return null;
      const chosen = new Set(documentUuids);
      const items = found.items.filter((item) => chosen.has(item.documentUuid));
      if (chosen.size === 0 || items.length !== chosen.size) return null;
      if (items.length === found.items.length) {
        return (await store.decideHeldSet(organizationId, setId, decision, at)) ? setId : null;
      }
      const id = `held_${random.uuid()}`;
      const others = found.items.filter((item) => !chosen.has(item.documentUuid));
      change(found, { itemCount: others.length }, others);
      world.heldSets.set(id, { set: { ...found.set, id, itemCount: items.length }, items });
      await store.decideHeldSet(organizationId, id, decision, at);
      return id;
    },

    async completeHeldSet(fence, setId, results) {
      holdFence(world, fence);
      const found = find(fence.organizationId, setId);
      if (found?.set.state !== 'approved' || found.set.connectionId !== fence.connectionId) return;
      const states = new Map(results.map((result) => [result.documentUuid, result.state]));
      const items = found.items.map(
        (item): HeldItem => ({ ...item, state: states.get(item.documentUuid) ?? item.state }),
      );
      change(found, { state: 'applied' }, items);
    },
  };
  return store;
}

function sameItems(before: readonly HeldItem[], after: readonly Omit<HeldItem, 'state'>[]): boolean {
  const text = (item: Omit<HeldItem, 'state'>) => `${item.documentUuid} ${item.absence} ${item.reference}`;
  const known = new Set(before.map(text));
  return known.size === after.length && after.every((item) => known.has(text(item)));
}
