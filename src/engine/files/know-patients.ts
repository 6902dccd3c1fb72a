/**
 * Whoever the source has is known here, also before the first document: only who is known can be activated, or take over the
 * documents of an earlier record.
 */
import { hash } from 'node:crypto';
import type { FilesetSelection, SourcePatient, SourcePatients } from '../../ports/ehr-database.ts';
import { withRetry } from '../retry.ts';
import type { RunSession } from '../run-session.ts';
import type { FilePorts, FileSettings } from './settings.ts';

const WRITES_AT_ONCE = 5000;

/**
 * Of a hundred thousand patients nearly all are known already: those cost a look into a table of hashes, and no statement.
 *
 * @param selection whose files the run reads
 * @throws SyncError what the source says when it cannot be read
 */
export async function knowPatients(
  ports: FilePorts,
  settings: FileSettings,
  session: RunSession,
  selection: FilesetSelection,
): Promise<void> {
  const { clock, random } = ports;
  // What was activated here stands in the fileset, so one that is new was not; and who has no files is not activated for that.
  const isActivated = (unit: string) =>
    settings.activate === 'source' && typeof selection !== 'string' && selection.has(unit);
  const known = new Map(await ports.records.knownPatients(settings));
  let after: string | null = null;
  do {
    const from = after;
    const part: SourcePatients = await withRetry(() => ports.source.patients(from, session.signal), settings.retry, {
      clock,
      random,
      signal: session.signal,
    });
    const writes = part.patients.flatMap((patient) => {
      const { unit } = patient;
      const before = known.get(unit);
      // The first of several rows of one patient counts.
      known.set(unit, SEEN);
      const given = before === SEEN ? SEEN : hashOf(patient);
      return given === before ? [] : [{ ...patient, given, activated: isActivated(unit) }];
    });
    for (let i = 0; i < writes.length; i += WRITES_AT_ONCE) {
      await ports.records.knowPatients(session.fence, writes.slice(i, i + WRITES_AT_ONCE));
    }
    after = part.next;
  } while (after !== null);
}

/** No hash is this. */
const SEEN = '';

/** 66 bits of SHA-256: compared only with the one before of the same patient. */
function hashOf({ ownerUuid, patientName, dateOfBirth, gender }: SourcePatient): string {
  return hash('sha256', JSON.stringify([ownerUuid, patientName, dateOfBirth, gender]), 'base64url').slice(0, 11);
}
