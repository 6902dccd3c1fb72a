/**
 * The SELECT statements of the reader, in both dialects. Every name comes from a checked mapping and is quoted; every
 * value is passed beside the text.
 */
import type { Column, TableMapping } from './mapping.ts';

export interface Dialect {
  readonly name: 'mysql' | 'postgres';
  /** @param identifier a checked name */
  quote(identifier: string): string;
  /** The column as text, whatever its type. */
  text(column: string): string;
  /** `column = one of`, usable with an index. @param kind of the column, which decides how the values are passed */
  anyOf(column: string, values: readonly string[], kind: 'number' | 'uuid' | 'text'): Condition;
  /** `column > value`, usable with an index. @param kind as of `anyOf` */
  above(column: string, value: string, kind: 'number' | 'uuid' | 'text'): Condition;
  /** True for text with blanks, control characters or non-ASCII: only JavaScript can say how that is normalised. */
  odd(column: string): string;
}

export interface Condition {
  readonly sql: string;
  readonly values: readonly unknown[];
}

const NEVER: Condition = { sql: '1 = 0', values: [] };
const WHOLE_NUMBER = /^-?\d{1,20}$/;
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

export const MYSQL: Dialect = {
  name: 'mysql',
  quote: (identifier) => `\`${identifier}\``,
  text: (column) => column,
  anyOf(column, values, kind) {
    // A number compared with text is compared as floating point, which confuses large ids: numbers stay numbers.
    const usable = kind === 'number' ? values.filter((v) => WHOLE_NUMBER.test(v)).map(BigInt) : values;
    return usable.length === 0 ? NEVER : { sql: `${column} IN (?)`, values: [usable] };
  },
  above: (column, value, kind) => ({
    sql: `${column} > ?`,
    values: [kind === 'number' && WHOLE_NUMBER.test(value) ? BigInt(value) : value],
  }),
  odd: (column) => `${column} REGEXP '[^!-~]'`,
};

export const POSTGRES: Dialect = {
  name: 'postgres',
  quote: (identifier) => `"${identifier}"`,
  text: (column) => `${column}::text`,
  anyOf(column, values, kind) {
    // The server reads the array as the column's type, and would refuse text that is none.
    const shape = kind === 'number' ? WHOLE_NUMBER : kind === 'uuid' ? UUID : /(?:)/;
    const usable = values.filter((v) => shape.test(v));
    return usable.length === 0 ? NEVER : { sql: `${column} = ANY(?)`, values: [usable] };
  },
  above: (column, value) => ({ sql: `${column} > ?`, values: [value] }),
  odd: (column) => `${column}::text COLLATE "C" ~ '[^!-~]'`,
};

/** PostgreSQL numbers its parameters. The statements here have no other question mark. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replaceAll('?', () => `$${++n}`);
}

export interface Statements {
  /** id, uuid, name, owner's uuid of patients. */
  patients(where?: Condition): Condition;
  /** As `patients`, with date of birth and gender: the next so many in the order of their ids. */
  patientsInOrder(after: Condition | null, limit: number): Condition;
  /** The condition for patients whose UUID is, after normalisation, one of these – and a few odd ones more. */
  patientsOfUnits(units: readonly string[]): Condition;
  /** uuid of patients only. */
  patientUuids(where?: Condition): Condition;
  /** Number of files per patient id; the row with id null counts files that lead to no patient. */
  counts(patientIds: Condition | null): Condition;
  /** Number of rows in the file table. */
  fileCount(): Condition;
  /** Columns of {@link FILE_COLUMNS} for the files of these patients. */
  files(patientIds: Condition): Condition;
  /** id, uuid, patient's uuid, deleted of single files. */
  presence(where: Condition): Condition;
  /** Without a row: only to learn the columns' kinds. */
  kinds(): Condition;
  readonly patientId: string;
  readonly fileId: string;
  readonly fileUuid: string | null;
  /** `lower(file uuid)` is one of these, or odd. */
  filesOfUuids(uuids: readonly string[]): Condition;
}

export function createStatements(mapping: TableMapping, dialect: Dialect): Statements {
  const q = dialect.quote;
  const { owner, patient, file } = mapping;
  const name = (table: string, column: string) => `${q(table)}.${q(column)}`;
  const orNull = (table: string, column: string | null) => (column === null ? 'NULL' : name(table, column));
  const same = ([a, b]: readonly [Column, Column]) => `${name(a.table, a.column)} = ${name(b.table, b.column)}`;
  const joins = (kind: 'JOIN' | 'LEFT JOIN') =>
    [q(file.table), ...mapping.fileToPatient.map((pair) => `${kind} ${q(pair[1].table)} ON ${same(pair)}`)].join(' ');

  const patientId = name(patient.table, patient.id);
  const patientUuid = name(patient.table, patient.uuid);
  const fileId = name(file.table, file.id);
  const fileUuid = file.uuid === null ? null : name(file.table, file.uuid);
  const ownerJoin =
    owner && patient.owner
      ? ` LEFT JOIN ${q(owner.table)} ON ${name(patient.table, patient.owner)} = ${name(owner.table, owner.id)}`
      : '';

  const filter = (where: Condition | null | undefined) => (where ? ` WHERE ${where.sql}` : '');
  const statement = (sql: string, where?: Condition | null): Condition => ({
    sql: sql + filter(where),
    values: where?.values ?? [],
  });
  const lowerIn = (column: string, values: readonly string[]): Condition => {
    const listed = dialect.anyOf(`LOWER(${dialect.text(column)})`, values, 'text');
    return { sql: `(${listed.sql} OR ${dialect.odd(column)})`, values: listed.values };
  };

  const fromPatients = ` FROM ${q(patient.table)}${ownerJoin}`;
  const patients =
    `SELECT ${patientId}, ${patientUuid}, ${orNull(patient.table, patient.name)}, ` +
    (ownerJoin && owner ? name(owner.table, owner.uuid) : 'NULL');
  const described = [patient.birthDate, patient.gender].map((column) => orNull(patient.table, column)).join(', ');

  return {
    patientId,
    fileId,
    fileUuid,
    patients: (where) => statement(patients + fromPatients, where),
    patientsInOrder(after, limit) {
      const { sql, values } = statement(`${patients}, ${described}${fromPatients}`, after);
      return { sql: `${sql} ORDER BY ${patientId} LIMIT ${limit}`, values };
    },
    patientsOfUnits: (units) => lowerIn(patientUuid, units),
    patientUuids: (where) => statement(`SELECT ${patientUuid} FROM ${q(patient.table)}`, where),
    counts(patientIds) {
      const from = joins(patientIds ? 'JOIN' : 'LEFT JOIN');
      const counted = statement(`SELECT ${patientId}, COUNT(*) FROM ${from}`, patientIds);
      return { sql: `${counted.sql} GROUP BY ${patientId}`, values: counted.values };
    },
    fileCount: () => statement(`SELECT COUNT(*) FROM ${q(file.table)}`),
    files: (patientIds) =>
      statement(
        `SELECT ${[
          patientId,
          fileId,
          ...[file.uuid, file.path, file.description, file.createdAt, file.updatedAt, file.deleted].map((column) =>
            orNull(file.table, column),
          ),
        ].join(', ')} FROM ${joins('JOIN')}`,
        patientIds,
      ),
    presence: (where) =>
      statement(
        `SELECT ${fileId}, ${fileUuid ?? 'NULL'}, ${patientUuid}, ${orNull(file.table, file.deleted)} FROM ${joins('LEFT JOIN')}`,
        where,
      ),
    kinds: () => statement(`SELECT ${patientId}, ${fileId}, ${fileUuid ?? 'NULL'} FROM ${joins('LEFT JOIN')}`, NEVER),
    filesOfUuids: (uuids) => lowerIn(fileUuid ?? 'NULL', uuids),
  };
}

/** Order of the columns that `files` selects. */
export const FILE_COLUMNS = {
  patient: 0,
  id: 1,
  uuid: 2,
  path: 3,
  description: 4,
  createdAt: 5,
  updatedAt: 6,
  deleted: 7,
} as const;

/** The source's own record of who is activated, as earlier integrations created it. */
export const ACTIVATION = {
  table: 'silknote_patient_filesets',
  unit: 'silknotePatientUuid',
  activated: 'activatedUse',
} as const;

/** uuid and flag of every fileset. */
export function activationStatement(dialect: Dialect): string {
  const { table, unit, activated } = ACTIVATION;
  const q = dialect.quote;
  return `SELECT ${q(unit)}, ${q(activated)} FROM ${q(table)}`;
}
