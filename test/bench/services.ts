/** The real servers that benchmarks run against, started when first asked for and ended together. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/stores/postgres/supervisor.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb.ts';

export interface Services {
  /** A new empty folder. */
  folder(): Promise<string>;
  mariadb(): Promise<MariadbServer>;
  /** A new empty database on the embedded PostgreSQL, which runs with its durable settings. */
  recordDatabase(): Promise<string>;
  dropRecordDatabase(url: string): Promise<void>;
  /** A new Azurite, because one that holds what an earlier contestant stored is slower. The caller stops it. */
  azurite(): Promise<Azurite>;
  /** Made once and kept to the end, for benchmarks that share it. */
  shared<T>(key: string, make: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openServices(): Promise<Services> {
  const root = await mkdtemp(join(tmpdir(), 'chartsync-bench-'));
  let mariadb: Promise<MariadbServer> | null = null;
  let postgres: Promise<EmbeddedPostgres> | null = null;
  const azurites = new Set<Azurite>();
  const shared = new Map<string, Promise<unknown>>();
  let folders = 0;
  let databases = 0;
  return {
    async folder() {
      const path = join(root, String(++folders));
      await mkdir(path);
      return path;
    },
    mariadb() {
      mariadb ??= startMariadb();
      return mariadb;
    },
    async recordDatabase() {
      postgres ??= startEmbeddedPostgres({ folder: join(root, 'postgres') });
      const server = await postgres;
      const name = `bench_${++databases}`;
      await server.ensureDatabase(name);
      return server.url(name);
    },
    async dropRecordDatabase(url) {
      const admin = new pg.Client({ connectionString: (await postgres!).url('postgres') });
      await admin.connect();
      try {
        await admin.query(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
      } finally {
        await admin.end();
      }
    },
    async azurite() {
      const server = await startAzurite();
      azurites.add(server);
      return server;
    },
    shared<T>(key: string, make: () => Promise<T>): Promise<T> {
      let made = shared.get(key);
      if (made === undefined) {
        made = make();
        shared.set(key, made);
      }
      return made as Promise<T>;
    },
    async close() {
      for (const server of azurites) await server.stop();
      await (await mariadb)?.stop();
      await (await postgres)?.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
