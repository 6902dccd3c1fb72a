/** What documents a copy of a sample Cliniko account must have, said from the account alone. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import { contentOf } from '../../simulators/cliniko/document-content.ts';
import { blobName } from '../../src/ports/blob-store.ts';
import { type ClinikoSetup, CONNECTION, ORGANIZATION } from './cliniko-setup.ts';

export interface LiveDocument {
  readonly uuid: string;
  readonly patient: string;
  readonly reference: string;
  readonly sha256: string;
  readonly name: string;
  readonly title: string | null;
  readonly status: string;
}

export function liveDocuments(setup: ClinikoSetup): Promise<LiveDocument[]> {
  return setup.query<LiveDocument>(
    `SELECT "silknoteDocumentUuid" AS uuid, "patientUuid" AS patient, "vsrxReference" AS reference, sha256,
            "originalName" AS name, title, status
     FROM silknote_documents
     WHERE "organizationId" = $1 AND "connectionId" = $2 AND "deletedAt" IS NULL ORDER BY "vsrxReference" COLLATE "C"`,
    [ORGANIZATION, CONNECTION],
  );
}

/** Each live attachment is one document of its patient, with its bytes in the store; and nothing else is. */
export async function expectDocuments(setup: ClinikoSetup): Promise<void> {
  const patients = new Map(
    (
      await setup.query<{ id: string; reference: string }>('SELECT id, cliniko_patient_id AS reference FROM patients')
    ).map(({ id, reference }) => [reference, id]),
  );
  const wanted = setup.world.tables.attachments.rows
    .filter((one) => one.archivedAt === null && one.processedAt !== null)
    .map((one) => ({
      patient: patients.get(one.patientId),
      reference: one.id,
      sha256: createHash('sha256').update(contentOf(one)).digest('hex'),
      title: one.description === '' ? null : one.description,
    }))
    .sort((a, b) => (a.reference < b.reference ? -1 : 1));
  const documents = await liveDocuments(setup);
  expect(documents.map(({ patient, reference, sha256, title }) => ({ patient, reference, sha256, title }))).toEqual(
    wanted,
  );
  for (const { sha256, name } of documents) {
    expect(name).not.toMatch(/[/\\]|^\.{0,2}$/);
    const { stream } = await setup.chartsync.blobs.get(blobName(ORGANIZATION, sha256));
    expect(
      createHash('sha256')
        .update(await buffer(stream))
        .digest('hex'),
    ).toBe(sha256);
  }
  for await (const row of setup.chartsync.records.blobRows(ORGANIZATION)) expect(row.references).toBe(row.documents);
  await expectNothingLeft(setup);
}

/** No key reached the store of files, and no file waits in our folder. */
export async function expectNothingLeft(setup: ClinikoSetup): Promise<void> {
  expect(setup.simulator.files.requests.filter((request) => request.authorized)).toEqual([]);
  const scratch = await readdir(join(setup.environment.CHARTSYNC_HOME!, 'scratch')).catch(() => []);
  expect(scratch).toEqual([]);
}
