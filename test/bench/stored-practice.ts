/**
 * A practice of any number of rows that is stored already: the source read by the connector itself, so that the
 * fingerprints agree, and the records written by plain SQL, because copying a million files is not what is measured.
 */

import { createHash, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { loadConfig } from '../../src/config/load.ts';
import { applyConfiguration, openChartsync } from '../../src/main.ts';
import type { EhrDatabase, SourceFile } from '../../src/ports/ehr-database.ts';
import { isFileConnection } from '../../src/runs/connections.ts';
import {
  type BenchPractice,
  CONNECTION,
  configure,
  createBenchPractice,
  ORGANIZATION,
  type SyncEnvironment,
} from './practice.ts';
import type { Services } from './services.ts';

/** As in the practices that the sizes stand for: 20,000 patients in a million rows. */
export const ROWS_PER_PATIENT = 50;
const ROWS_PER_STATEMENT = 20_000;

export interface StoredPractice {
  readonly rows: number;
  readonly practice: BenchPractice;
  readonly databaseUrl: string;
  readonly environment: SyncEnvironment;
}

/** Made once for each number of rows. */
export function storedPractice(services: Services, rows: number): Promise<StoredPractice> {
  return services.shared(`stored-${rows}`, async () => {
    const practice = await createBenchPractice(services, { rows, patients: Math.ceil(rows / ROWS_PER_PATIENT) });
    const databaseUrl = await services.recordDatabase();
    const blobs = { kind: 'filesystem', folder: join(await services.folder(), 'blobs') } as const;
    const environment = await configure(services, { practice, databaseUrl, blobs });
    const config = await loadConfig({ env: environment, cwd: environment.CHARTSYNC_HOME });
    const chartsync = await openChartsync(config, {
      url: databaseUrl,
      urlOf: () => null,
      close: async () => undefined,
    });
    try {
      await applyConfiguration(chartsync);
      await writeRecords(databaseUrl, chartsync.connections.filter(isFileConnection)[0]!.ports.source);
    } finally {
      await chartsync.close();
    }
    await rm(environment.CHARTSYNC_HOME, { recursive: true, force: true });
    return { rows, practice, databaseUrl, environment };
  });
}

async function writeRecords(databaseUrl: string, source: EhrDatabase): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    // Built row by row they cost most of the time; built at the end, a few seconds.
    const { rows: indexes } = await client.query<{ name: string; definition: string }>(
      `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
       WHERE tablename IN ('silknote_documents', 'blobs') AND indexname NOT LIKE '%_pkey'`,
    );
    for (const { name } of indexes) await client.query(`DROP INDEX "${name}"`);
    let batch: SourceFile[] = [];
    for await (const file of source.readFiles('all')) {
      batch.push(file);
      if (batch.length < ROWS_PER_STATEMENT) continue;
      await writeBatch(client, batch);
      batch = [];
    }
    if (batch.length > 0) await writeBatch(client, batch);
    for (const { definition } of indexes) await client.query(definition);
    // As the server's own care leaves tables that have been there for a while.
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

async function writeBatch(client: pg.Client, files: readonly SourceFile[]): Promise<void> {
  const at = '2026-01-05T08:00:00.000Z';
  const entry = { timestamp: at, operation: 'full_sync', status: 'success', filesAdded: ROWS_PER_PATIENT };
  const history = [{ ...entry, filesDeleted: 0, errors: [] }];
  const times = { lastSyncAttempt: at, lastSuccessfulSync: at };
  await client.query(
    `INSERT INTO silknote_patient_filesets ("organizationId", "silknotePatientUuid", "silknoteUserUuid", "patientName",
       "activatedUse", "syncLog", errors)
     SELECT DISTINCT ON (u.unit) $1, u.unit, coalesce(u.owner, ''), u.name, true, $2, $3::jsonb
     FROM unnest($4::text[], $5::text[], $6::text[]) AS u (unit, owner, name) ON CONFLICT DO NOTHING`,
    [
      ORGANIZATION,
      JSON.stringify({ ...times, syncHistory: history }),
      JSON.stringify({ ...times, syncErrors: [], consecutiveFailures: 0 }),
      files.map((f) => f.unit),
      files.map((f) => f.ownerUuid),
      files.map((f) => f.patientName),
    ],
  );
  await client.query(
    `INSERT INTO connection_filesets (organization_id, connection_id, unit)
     SELECT DISTINCT $1, $2, u.unit FROM unnest($3::text[]) AS u (unit) ON CONFLICT DO NOTHING`,
    [ORGANIZATION, CONNECTION, files.map((f) => f.unit)],
  );
  const hashes = files.map((f) => createHash('sha256').update(f.reference).digest('hex'));
  await client.query(
    `INSERT INTO blobs (organization_id, sha256, size, "references", state)
     SELECT $1, b.sha256, 50000, 1, 'stored' FROM unnest($2::text[]) AS b (sha256)`,
    [ORGANIZATION, hashes],
  );
  await client.query(
    `INSERT INTO silknote_documents
       ("silknoteDocumentUuid", "organizationId", "connectionId", "patientUuid", "vsrxReference", "clientFileId",
        "originalName", title, "uploadDate", "storedPath", "mimeType", "sizeBytes", sha256, "sourcePath",
        "sourceFingerprint", "sourceSize", "sourceModifiedAt", status, "sourceSystem")
     SELECT w.uuid, $1, $2, w.unit, w.reference, w.reference, w.name, w.title, w.uploaded, $1 || '/' || w.sha256,
            'application/pdf', 50000, w.sha256, w.path, w.fingerprint, 50000, 1767600000000, 'stored', 'VSRX_SYNC'
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
                 $11::text[]) AS w (uuid, unit, reference, name, title, uploaded, sha256, path, fingerprint)`,
    [
      ORGANIZATION,
      CONNECTION,
      files.map(() => randomUUID()),
      files.map((f) => f.unit),
      files.map((f) => f.reference),
      files.map((f) => f.path?.slice(f.path.lastIndexOf('/') + 1)),
      files.map((f) => f.description),
      files.map((f) => f.uploadedAt),
      hashes,
      files.map((f) => f.path),
      files.map((f) => f.fingerprint),
    ],
  );
}
