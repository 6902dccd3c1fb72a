/** Keeps tables fast and small. Everything here may be killed, repeated and done by several processes at once. */
import type { Table } from '@lancedb/lancedb';
import { allHeadsOf, keepDecisive } from './lancedb-documents.ts';
import { decisive, REMOVED, type Row, scopeFilter } from './lancedb-rows.ts';
import type { Control, LanceTables } from './lancedb-tables.ts';

export interface LanceMaintenanceOptions {
  readonly tables: LanceTables;
  /** Former states of a table are kept so long, for whoever is reading them. */
  readonly keepMs: number;
}

/**
 * New rows are found by looking at each of them, and into each fragment that a commit has left, by searches and writers alike;
 * putting them into the index costs as much as the index is long. With limits that grow as the root of its length both together
 * cost least; measured, not derived.
 */
const WRITING: Limits = { leastRows: 5_000, perRoot: 40, leastFragments: 20, fragmentsPerRoot: 0.4 };
const MOST_FRAGMENTS = 200;
/** No rebuild takes so long. */
const ABANDONED_MS = 2 * 24 * 60 * 60 * 1000;
/** At rest searches should not feel it. */
const RESTING: Limits = { leastRows: 1_000, perRoot: 10, leastFragments: 20, fragmentsPerRoot: 0 };

interface Limits {
  readonly leastRows: number;
  readonly perRoot: number;
  readonly leastFragments: number;
  readonly fragmentsPerRoot: number;
}

export function createLanceMaintenance({ tables, keepMs }: LanceMaintenanceOptions) {
  const seen = new WeakMap<Table, { rows: number; commits: number }>();
  const running = new Map<Table, Promise<void>>();

  function optimise(table: Table): Promise<void> {
    let work = running.get(table);
    if (!work) {
      seen.delete(table);
      work = table
        .optimize({ cleanupOlderThan: new Date(Date.now() - keepMs) })
        .then(() => {})
        .finally(() => running.delete(table));
      running.set(table, work);
    }
    return work;
  }

  async function isDue(table: Table, limits: Limits): Promise<boolean> {
    const { fragmentStats, numRows } = await table.stats();
    const fragments = Math.max(limits.leastFragments, limits.fragmentsPerRoot * Math.sqrt(numRows));
    if (fragmentStats.numSmallFragments > Math.min(fragments, MOST_FRAGMENTS)) return true;
    const index = await table.indexStats('terms_idx');
    const { numUnindexedRows = 0, numIndexedRows = 0 } = index ?? {};
    return numUnindexedRows > Math.max(limits.leastRows, limits.perRoot * Math.sqrt(numIndexedRows));
  }

  async function removeUnseen(organizationId: string, table: Table, control: Control): Promise<void> {
    if (control.building === '') {
      // Those of a rebuild that begins now are of a later epoch.
      const buried = `ordinal = 0 AND passages = ${REMOVED} AND epoch <= ${control.epoch}`;
      if ((await table.countRows(buried)) > 0) {
        // An older state that stands beside such a row would decide without it.
        const rows: Pick<Row, 'id'>[] = await table.query().where(buried).select(['id']).toArray();
        await keepDecisive(
          table,
          organizationId,
          rows.map(({ id }) => id),
        );
        await table.delete(buried);
      }
    }
    const all = await allHeadsOf(table, scopeFilter(organizationId, null));
    const heads = [...decisive(all).values()];
    const rows = heads.reduce((sum, head) => sum + 1 + head.passages, 0);
    if ((await table.countRows()) === rows) return;
    const stamps = new Set(heads.map((head) => head.stamp));
    const stale = new Set(all.map((head) => head.stamp).filter((stamp) => !stamps.has(stamp)));
    for await (const batch of table.query().where('ordinal > 0').select(['stamp'])) {
      for (const { stamp } of batch as Iterable<Pick<Row, 'stamp'>>) if (!stamps.has(stamp)) stale.add(stamp);
    }
    // Documents that were put since the heads were read are not stale.
    const now = decisive(await allHeadsOf(table, scopeFilter(organizationId, null)));
    for (const head of now.values()) stale.delete(head.stamp);
    const gone = [...stale];
    for (let i = 0; i < gone.length; i += 500) {
      await table.delete(`stamp IN (${gone.slice(i, i + 500).map((stamp) => `'${stamp}'`)})`);
    }
  }

  return {
    /** After a commit: when there is much to do, it begins by itself. */
    noticed(table: Table, rows: number): void {
      const { rows: before, commits } = seen.get(table) ?? { rows: 0, commits: 0 };
      const now = { rows: before + rows, commits: commits + 1 };
      seen.set(table, now);
      if (now.rows < WRITING.leastRows && now.commits < WRITING.leastFragments / 2) return;
      seen.delete(table);
      const work = async () => {
        if (await isDue(table, WRITING)) await optimise(table);
      };
      // Another process may be at it: what is left, the next time or the schedule does.
      void work().catch(() => {});
    },

    /** Before a table that was filled begins to answer: its first searches are as fast as those before. */
    async makeReady(table: Table): Promise<void> {
      if (await isDue(table, RESTING)) await optimise(table);
    },

    async organization(organizationId: string, generations: readonly string[]): Promise<void> {
      const control = await withoutAbandoned(organizationId);
      if (control === null) return;
      for (const generation of generations) {
        if (generation === control.live || generation === control.building) continue;
        // A rebuild that begins now has made its table before it is named in the control row.
        const now = await tables.control(organizationId, true);
        if (now?.epoch === control.epoch && isOld(generation)) await tables.drop(organizationId, generation);
      }
      const table = await tables.passages(organizationId, control.live);
      await removeUnseen(organizationId, table, control);
      if (await isDue(table, RESTING)) await optimise(table);
    },

    async settled(): Promise<void> {
      await Promise.allSettled(running.values());
    },
  };

  /** A rebuild whose process is gone would have everything written twice for ever. */
  async function withoutAbandoned(organizationId: string): Promise<Control | null> {
    const control = await tables.control(organizationId, true);
    if (control === null || control.covers !== '' || control.building === '') return control;
    if (madeAt(control.building) > Date.now() - ABANDONED_MS) return control;
    await tables.changeControl(organizationId, control, { live: control.live, building: '', covers: '' });
    return tables.control(organizationId, true);
  }

  function isOld(generation: string): boolean {
    return madeAt(generation) < Date.now() - keepMs;
  }
}

/** The name of a generation has the time; the first of an organisation has none. */
function madeAt(generation: string): number {
  return generation === 'g1' ? 0 : Number.parseInt(generation.slice(1, 10), 36);
}

/** A name that no other process makes, and that tells when it was made. */
export function newGeneration(): string {
  const time = Date.now().toString(36).padStart(9, '0');
  return `g${time}${Math.random().toString(36).slice(2, 10)}`;
}
