/** Filesets of patients whom a source has, whether or not there is a document of them. */
import { sql } from 'kysely';
import type { ConnectionKey, Fence, PatientWrite } from '../../ports/document-records.ts';
import { BIRTH_DATE_LENGTH, GENDER_LENGTH, isStorableUnit, PATIENT_NAME_LENGTH, storedText } from '../stored-text.ts';
import type { Database } from './database.ts';
import { holdFence } from './fence.ts';
import { markForMirror } from './mirror-marks.ts';
import { streamRows } from './stream-rows.ts';

const OWNERS_LENGTH = 1000;

export async function knownPatients(
  database: Database,
  { organizationId, connectionId }: ConnectionKey,
): Promise<ReadonlyMap<string, string>> {
  const text = `SELECT unit, given FROM connection_filesets
                WHERE organization_id = $1 AND connection_id = $2 AND given IS NOT NULL`;
  const known = new Map<string, string>();
  const values = [organizationId, connectionId];
  for await (const rows of streamRows<[unit: string, given: string]>(database, text, values, undefined)) {
    for (const [unit, given] of rows) known.set(unit, given);
  }
  return known;
}

/** @returns how many filesets are new */
export function knowPatients(database: Database, fence: Fence, patients: readonly PatientWrite[]): Promise<number> {
  // In one order, so that two of us never wait for one another.
  const units = patients.filter(({ unit }) => isStorableUnit(unit)).sort((a, b) => (a.unit < b.unit ? -1 : 1));
  const texts = (of: (patient: PatientWrite) => string | null, length: number) =>
    units.map((patient) => {
      const text = of(patient);
      return text === null ? null : storedText(text, length);
    });
  const owners = units.map(({ ownerUuid }) => (ownerUuid === null ? '' : storedText(ownerUuid, OWNERS_LENGTH)));
  const names = texts(({ patientName }) => patientName, PATIENT_NAME_LENGTH);
  const births = texts(({ dateOfBirth }) => dateOfBirth, BIRTH_DATE_LENGTH);
  const genders = texts(({ gender }) => gender, GENDER_LENGTH);
  const given = sql`unnest(
    ${units.map(({ unit }) => unit)}::text[], ${units.map((patient) => patient.given)}::text[], ${owners}::text[],
    ${names}::text[], ${births}::text[], ${genders}::text[],
    ${units.map(({ activated }) => activated)}::boolean[]) AS g (unit, given, owner, name, born, gender, activated)`;
  const { organizationId, connectionId } = fence;
  // What others have written stays, and what the source says nothing about.
  const replaces = (column: string, before: string) => sql`
    (excluded.${sql.raw(column)} IS DISTINCT FROM f.${sql.raw(column)} AND excluded.${sql.raw(column)} IS NOT NULL
      AND (f.${sql.raw(column)} IS NULL OR f.${sql.raw(column)} = (
        SELECT c.${sql.raw(before)} FROM connection_filesets AS c
        WHERE c.organization_id = ${organizationId} AND c.connection_id = ${connectionId}
          AND c.unit = f."silknotePatientUuid")))`;
  return database.transaction(async (trx) => {
    await holdFence(trx, fence);
    const { rows } = await sql<{ unit: string; isNew: boolean }>`
      INSERT INTO silknote_patient_filesets AS f
        ("organizationId", "silknotePatientUuid", "silknoteUserUuid", "patientName", "patientDob", gender,
         "activatedUse", "activatedUseTime")
      SELECT ${organizationId}, g.unit, g.owner, g.name, g.born, g.gender, g.activated,
             CASE WHEN g.activated THEN now() END
      FROM ${given}
      ON CONFLICT ("organizationId", "silknotePatientUuid") DO UPDATE
        SET "silknoteUserUuid" = CASE WHEN f."silknoteUserUuid" = '' THEN excluded."silknoteUserUuid"
                                      ELSE f."silknoteUserUuid" END,
            "patientName" = coalesce(f."patientName", excluded."patientName"),
            "patientDob" = CASE WHEN ${replaces('"patientDob"', 'given_dob')} THEN excluded."patientDob"
                                ELSE f."patientDob" END,
            gender = CASE WHEN ${replaces('gender', 'given_gender')} THEN excluded.gender ELSE f.gender END
        WHERE (f."silknoteUserUuid" = '' AND excluded."silknoteUserUuid" <> '')
           OR (f."patientName" IS NULL AND excluded."patientName" IS NOT NULL)
           OR ${replaces('"patientDob"', 'given_dob')} OR ${replaces('gender', 'given_gender')}
      RETURNING f."silknotePatientUuid" AS unit, xmax = 0 AS "isNew"`.execute(trx);
    const made = rows.filter(({ isNew }) => isNew).map(({ unit }) => unit);
    const { rows: connected } = await sql<{ unit: string; isNew: boolean }>`
      INSERT INTO connection_filesets AS c
        (organization_id, connection_id, unit, given, given_dob, given_gender, only_known, made)
      SELECT ${organizationId}, ${connectionId}, g.unit, g.given, g.born, g.gender, true, g.unit = ANY (${made}::text[])
      FROM ${given}
      ON CONFLICT (organization_id, connection_id, unit) DO UPDATE
        SET given = excluded.given, given_dob = coalesce(excluded.given_dob, c.given_dob),
            given_gender = coalesce(excluded.given_gender, c.given_gender)
      RETURNING unit, xmax = 0 AS "isNew"`.execute(trx);
    await markForMirror(
      trx,
      fence,
      connected.filter(({ isNew }) => isNew).map(({ unit }) => unit),
    );
    return made.length;
  });
}
