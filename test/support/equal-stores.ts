/** Records, contents and index say the same: no difference by the checks, and every count by hand. */
import type pg from 'pg';
import { expect } from 'vitest';
import { verifyFiles } from '../../src/engine/files/verify-files.ts';
import { compareIndex } from '../../src/runs/compare-index.ts';
import { ORGANIZATION, type PracticeSetup } from './practice-setup.ts';

/** @param records of the setup. When nothing is left to be done about any document */
export async function expectEqualStores(
  setup: Pick<PracticeSetup, 'connection' | 'chartsync'>,
  records: pg.Client,
): Promise<void> {
  const { ports, settings } = setup.connection;
  const differences: unknown[] = [];
  const signal = new AbortController().signal;
  await verifyFiles(ports, settings, { content: true, signal }, (difference) => {
    // What the sample's odd files are known for.
    if (difference.code === null || difference.store === 'blob') differences.push(difference);
  });
  expect(differences).toEqual([]);
  const wrong = await records.query(`
    SELECT b.sha256 FROM blobs AS b WHERE b."references" <> (
      SELECT count(*) FROM silknote_documents AS d
      WHERE d."organizationId" = b.organization_id AND d.sha256 = b.sha256 AND d."deletedAt" IS NULL) + (
      SELECT count(*) FROM document_groups AS g
      WHERE g.organization_id = b.organization_id AND g.pdf_sha256 = b.sha256) + (
      SELECT count(*) FROM document_renditions AS r, LATERAL (VALUES (pdf_sha256), (pages_sha256), (thumbnail_sha256)) AS p (sha)
      WHERE r.organization_id = b.organization_id AND p.sha = b.sha256)`);
  expect(wrong.rows).toEqual([]);
  const { rows } = await records.query<{ complete: number }>(
    `SELECT count(*)::int AS complete FROM silknote_documents WHERE status = 'complete' AND "deletedAt" IS NULL`,
  );
  const search = await setup.chartsync.search();
  expect((await search.count(ORGANIZATION, null)).documents).toBe(rows[0]!.complete);
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal };
  expect((await compareIndex({ desk: setup.chartsync.desk, search }, scope)).differences).toEqual([]);
}
