/** The in-memory twins under the contract suites. */
import { createMemoryDocumentRecords } from '../../src/stores/memory/document-records.ts';
import { createMemoryRunStore } from '../../src/stores/memory/run-store.ts';
import { createMemoryWorld, endSession, keyOf, putConnection } from '../../src/stores/memory/world.ts';
import { systemClock, systemRandom } from '../../src/stores/system-clock.ts';
import type { StoresUnderTest } from './stores.ts';

export async function memoryStores(): Promise<StoresUnderTest> {
  const world = createMemoryWorld();
  const alive = new Set<string>();
  let workers = 0;
  return {
    async worker() {
      const workerId = String(++workers);
      const session = {};
      alive.add(workerId);
      return {
        records: createMemoryDocumentRecords({ world, clock: systemClock, session }),
        runs: createMemoryRunStore({
          world,
          clock: systemClock,
          random: systemRandom,
          workerId,
          isWorkerAlive: (id) => alive.has(id),
          leaseMs: 600_000,
        }),
        async die() {
          alive.delete(workerId);
          endSession(world, session);
        },
      };
    },
    async putConnection(key, state = 'active') {
      putConnection(world, { ...key, state });
    },
    async expireLease(key) {
      const name = keyOf(key.organizationId, key.connectionId);
      world.leases.set(name, { ...world.leases.get(name)!, expiresAt: 0 });
    },
    async ageBlobs(organizationId) {
      for (const [key, blob] of world.blobs) {
        if (blob.organizationId === organizationId) world.blobs.set(key, { ...blob, touchedAt: 0 });
      }
    },
    async fileset(organizationId, unit) {
      const fileset = world.filesets.get(keyOf(organizationId, unit));
      if (fileset === undefined) return null;
      const { activated, userUuid, patientName, dateOfBirth, gender, syncLog, errors } = fileset;
      return { activated, userUuid, patientName, dateOfBirth, gender, syncLog, errors };
    },
    async putFileset(organizationId, unit, fileset) {
      const key = keyOf(organizationId, unit);
      const unknown = { patientName: null, dateOfBirth: null, gender: null };
      const empty = { activated: false, userUuid: '', ...unknown, syncLog: null, errors: null };
      const former = world.filesets.get(key);
      const wasActivated = fileset.activated ?? former?.wasActivated ?? false;
      world.filesets.set(key, { organizationId, unit, ...empty, ...former, ...fileset, wasActivated });
    },
    async document(documentUuid) {
      const document = world.documents.get(documentUuid);
      if (document === undefined) return null;
      const { organizationId, unit, reference, originalName, title, mimeType, sha256 } = document;
      const { deletedAt, deletedReason, deletedByRun } = document;
      return {
        organizationId,
        unit,
        reference,
        originalName,
        title,
        mimeType,
        sha256,
        deletedAt,
        deletedReason,
        deletedByRun,
      };
    },
    async unitResults(runId) {
      return [...world.units.values()]
        .filter((result) => result.runId === runId)
        .map(({ unit, outcome }) => ({ unit, outcome }))
        .sort((a, b) => (a.unit < b.unit ? -1 : 1));
    },
    async close() {},
  };
}
