/** Items that wait for another try or for a person, in memory. */
import type { Clock } from '../../ports/clock.ts';
import type { RunStore } from '../../ports/run-store.ts';
import { holdFence, keyOf, type MemoryFailure, type MemoryWorld } from './world.ts';

type FailureStore = Pick<RunStore, 'recordFailures' | 'resolveFailures' | 'openFailures' | 'decideFailure'>;

export function createMemoryFailures(world: MemoryWorld, clock: Clock): FailureStore {
  return {
    async recordFailures(fence, failures) {
      holdFence(world, fence);
      const { organizationId, connectionId } = fence;
      const now = new Date(clock.now()).toISOString();
      const last = new Map(failures.map((f) => [keyOf(organizationId, connectionId, f.unit, f.reference), f]));
      for (const [key, failure] of last) {
        const before = world.failures.get(key);
        const sameItem = before?.fingerprint === failure.fingerprint;
        world.failures.set(key, {
          id: before?.id ?? String(world.nextFailureId++),
          organizationId,
          connectionId,
          unit: failure.unit,
          reference: failure.reference,
          operation: failure.operation,
          code: failure.code,
          message: failure.message,
          attempts: before !== undefined && sameItem && before.code === failure.code ? before.attempts + 1 : 1,
          state: before !== undefined && sameItem ? before.state : 'waiting',
          fingerprint: failure.fingerprint,
          firstAt: before?.firstAt ?? now,
          lastAt: now,
          nextRetryAt: failure.nextRetryAt === null ? null : new Date(failure.nextRetryAt).toISOString(),
        });
      }
    },

    async resolveFailures(fence, references) {
      holdFence(world, fence);
      for (const { unit, reference } of references) {
        world.failures.delete(keyOf(fence.organizationId, fence.connectionId, unit, reference));
      }
    },

    async openFailures(key, unit) {
      return [...world.failures.values()]
        .filter((f) => f.organizationId === key.organizationId && f.connectionId === key.connectionId)
        .filter((f) => unit === undefined || f.unit === unit)
        .sort((a, b) => Number(a.id) - Number(b.id))
        .map(({ organizationId: _organization, connectionId: _connection, ...failure }) => failure);
    },

    async decideFailure(organizationId, failureId, decision) {
      for (const [key, failure] of world.failures) {
        if (failure.id !== failureId || failure.organizationId !== organizationId) continue;
        const decided: Pick<MemoryFailure, 'state' | 'nextRetryAt'> =
          decision === 'retry'
            ? { state: 'waiting', nextRetryAt: new Date(clock.now()).toISOString() }
            : { state: 'skipped', nextRetryAt: null };
        world.failures.set(key, { ...failure, ...decided });
        return true;
      }
      return false;
    },
  };
}
