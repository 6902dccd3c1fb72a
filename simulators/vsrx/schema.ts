/**
 * The tables of a VSRX database as an integrator finds them: the application's own tables with the UUID columns that the
 * integration added (`silknoteUserUuid`, `silknotePatientUuid`, `file_uuid`), and the plan's generic `Patient`/`Files` pair.
 *
 * Every statement can be run again on a database that has the tables already. Table names are unqualified: the connection
 * decides the database (MySQL) or the schema (PostgreSQL). Columns that the integration does not read are those that any
 * such application has; they are there so that nothing may rely on a table having only the mapped columns.
 */

export type Dialect = 'mysql' | 'postgres';

export interface VsrxSchemaOptions {
  /** Adds `ax_notes_attachments.deleted`. Installations differ: without it a deleted attachment is a vanished row. */
  readonly deletedColumn?: boolean;
  /** Adds the source-side `silknote_patient_filesets` (who is activated), as older integrations created it. */
  readonly filesets?: boolean;
}

/** Statements that create the VSRX tables, in order. */
export function vsrxSchema(dialect: Dialect, options: VsrxSchemaOptions = {}): string[] {
  return dialect === 'mysql' ? mysqlTables(options) : postgresTables(options);
}

/** Statements that create the generic `Patient` and `Files` tables, in order. */
export function genericSchema(dialect: Dialect): string[] {
  return dialect === 'mysql' ? mysqlGeneric() : postgresGeneric();
}

const MYSQL_TABLE = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4';

function mysqlTables(options: VsrxSchemaOptions): string[] {
  const statements = [
    `CREATE TABLE IF NOT EXISTS \`staff\` (
  \`staff_id\` INT(11) NOT NULL AUTO_INCREMENT,
  \`username\` VARCHAR(60) NOT NULL,
  \`first_name\` VARCHAR(80) NOT NULL DEFAULT '',
  \`last_name\` VARCHAR(80) NOT NULL DEFAULT '',
  \`email\` VARCHAR(190) DEFAULT NULL,
  \`role\` VARCHAR(40) NOT NULL DEFAULT 'assessor',
  \`active\` TINYINT(1) NOT NULL DEFAULT 1,
  \`created\` DATETIME DEFAULT NULL,
  \`silknoteUserUuid\` VARCHAR(36) DEFAULT NULL,
  PRIMARY KEY (\`staff_id\`),
  UNIQUE KEY \`uq_staff_username\` (\`username\`),
  UNIQUE KEY \`uq_staff_silknote_user\` (\`silknoteUserUuid\`)
) ${MYSQL_TABLE}`,
    `CREATE TABLE IF NOT EXISTS \`candidates\` (
  \`candidate_id\` INT(11) NOT NULL AUTO_INCREMENT,
  \`staff_id\` INT(11) DEFAULT NULL,
  \`title\` VARCHAR(20) NOT NULL DEFAULT '',
  \`first_name\` VARCHAR(80) NOT NULL DEFAULT '',
  \`last_name\` VARCHAR(80) NOT NULL DEFAULT '',
  \`dob\` DATE DEFAULT NULL,
  \`gender\` VARCHAR(20) DEFAULT NULL,
  \`phone\` VARCHAR(40) DEFAULT NULL,
  \`email\` VARCHAR(190) DEFAULT NULL,
  \`claim_number\` VARCHAR(40) DEFAULT NULL,
  \`employer\` VARCHAR(120) DEFAULT NULL,
  \`injury_date\` DATE DEFAULT NULL,
  \`created\` DATETIME DEFAULT NULL,
  \`silknotePatientUuid\` VARCHAR(36) DEFAULT NULL,
  PRIMARY KEY (\`candidate_id\`),
  KEY \`idx_candidates_staff\` (\`staff_id\`),
  KEY \`idx_candidates_name\` (\`last_name\`, \`first_name\`),
  KEY \`idx_candidates_silknote_patient\` (\`silknotePatientUuid\`),
  CONSTRAINT \`fk_candidates_staff\` FOREIGN KEY (\`staff_id\`) REFERENCES \`staff\` (\`staff_id\`)
) ${MYSQL_TABLE}`,
    `CREATE TABLE IF NOT EXISTS \`assessments\` (
  \`assessment_id\` INT(11) NOT NULL AUTO_INCREMENT,
  \`candidate_id\` INT(11) NOT NULL,
  \`assessment_type\` VARCHAR(60) NOT NULL DEFAULT '',
  \`assessment_date\` DATETIME DEFAULT NULL,
  \`location\` VARCHAR(120) NOT NULL DEFAULT '',
  \`status\` VARCHAR(30) NOT NULL DEFAULT 'booked',
  PRIMARY KEY (\`assessment_id\`),
  KEY \`idx_assessments_candidate\` (\`candidate_id\`),
  KEY \`idx_assessments_date\` (\`assessment_date\`),
  CONSTRAINT \`fk_assessments_candidate\` FOREIGN KEY (\`candidate_id\`) REFERENCES \`candidates\` (\`candidate_id\`)
) ${MYSQL_TABLE}`,
    `CREATE TABLE IF NOT EXISTS \`ax_notes_attachments\` (
  \`id\` INT(11) NOT NULL AUTO_INCREMENT,
  \`assessment_id\` INT(11) NOT NULL,
  \`user_id\` INT(11) DEFAULT NULL,
  \`datestamp\` DATETIME DEFAULT NULL,
  \`file\` LONGTEXT,
  \`description\` VARCHAR(255) DEFAULT NULL,
  \`file_uuid\` VARCHAR(36) DEFAULT NULL,${options.deletedColumn ? '\n  `deleted` BOOLEAN NOT NULL DEFAULT 0,' : ''}
  PRIMARY KEY (\`id\`),
  KEY \`idx_attachments_assessment\` (\`assessment_id\`),
  KEY \`idx_file_uuid\` (\`file_uuid\`),
  CONSTRAINT \`fk_attachments_assessment\` FOREIGN KEY (\`assessment_id\`) REFERENCES \`assessments\` (\`assessment_id\`)
) ${MYSQL_TABLE}`,
  ];
  if (options.filesets) {
    statements.push(`CREATE TABLE IF NOT EXISTS \`silknote_patient_filesets\` (
  \`silknotePatientUuid\` VARCHAR(36) NOT NULL,
  \`silknoteUserUuid\` LONGTEXT NOT NULL,
  \`activatedUse\` BOOLEAN NOT NULL DEFAULT 0,
  \`activatedUseTime\` DATETIME DEFAULT NULL,
  \`patientName\` VARCHAR(255) DEFAULT NULL,
  \`patientDob\` VARCHAR(20) DEFAULT NULL,
  \`gender\` VARCHAR(20) DEFAULT NULL,
  \`vectorStoreJson\` TEXT,
  \`caseSummaryJson\` TEXT,
  \`summaryGenerationCount\` INT NOT NULL DEFAULT 0,
  \`errors\` JSON DEFAULT NULL,
  \`createdAt\` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  \`updatedAt\` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (\`silknotePatientUuid\`),
  KEY \`idx_activated_use\` (\`activatedUse\`)
) ${MYSQL_TABLE}`);
  }
  return statements;
}

function postgresTables(options: VsrxSchemaOptions): string[] {
  const statements = [
    `CREATE TABLE IF NOT EXISTS staff (
  staff_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  username varchar(60) NOT NULL UNIQUE,
  first_name varchar(80) NOT NULL DEFAULT '',
  last_name varchar(80) NOT NULL DEFAULT '',
  email varchar(190),
  role varchar(40) NOT NULL DEFAULT 'assessor',
  active boolean NOT NULL DEFAULT true,
  created timestamp,
  "silknoteUserUuid" varchar(36) UNIQUE
)`,
    `CREATE TABLE IF NOT EXISTS candidates (
  candidate_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  staff_id integer REFERENCES staff (staff_id),
  title varchar(20) NOT NULL DEFAULT '',
  first_name varchar(80) NOT NULL DEFAULT '',
  last_name varchar(80) NOT NULL DEFAULT '',
  dob date,
  gender varchar(20),
  phone varchar(40),
  email varchar(190),
  claim_number varchar(40),
  employer varchar(120),
  injury_date date,
  created timestamp,
  "silknotePatientUuid" varchar(36)
)`,
    'CREATE INDEX IF NOT EXISTS idx_candidates_staff ON candidates (staff_id)',
    'CREATE INDEX IF NOT EXISTS idx_candidates_name ON candidates (last_name, first_name)',
    'CREATE INDEX IF NOT EXISTS idx_candidates_silknote_patient ON candidates ("silknotePatientUuid")',
    `CREATE TABLE IF NOT EXISTS assessments (
  assessment_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  candidate_id integer NOT NULL REFERENCES candidates (candidate_id),
  assessment_type varchar(60) NOT NULL DEFAULT '',
  assessment_date timestamp,
  location varchar(120) NOT NULL DEFAULT '',
  status varchar(30) NOT NULL DEFAULT 'booked'
)`,
    'CREATE INDEX IF NOT EXISTS idx_assessments_candidate ON assessments (candidate_id)',
    'CREATE INDEX IF NOT EXISTS idx_assessments_date ON assessments (assessment_date)',
    `CREATE TABLE IF NOT EXISTS ax_notes_attachments (
  id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  assessment_id integer NOT NULL REFERENCES assessments (assessment_id),
  user_id integer,
  datestamp timestamp,
  file text,
  description varchar(255),
  file_uuid varchar(36)${options.deletedColumn ? ',\n  deleted boolean NOT NULL DEFAULT false' : ''}
)`,
    'CREATE INDEX IF NOT EXISTS idx_attachments_assessment ON ax_notes_attachments (assessment_id)',
    'CREATE INDEX IF NOT EXISTS idx_file_uuid ON ax_notes_attachments (file_uuid)',
  ];
  if (options.filesets) {
    statements.push(
      `CREATE TABLE IF NOT EXISTS silknote_patient_filesets (
  "silknotePatientUuid" varchar(36) PRIMARY KEY,
  "silknoteUserUuid" text NOT NULL,
  "activatedUse" boolean NOT NULL DEFAULT false,
  "activatedUseTime" timestamp,
  "patientName" varchar(255),
  "patientDob" varchar(20),
  gender varchar(20),
  "vectorStoreJson" text,
  "caseSummaryJson" text,
  "summaryGenerationCount" integer NOT NULL DEFAULT 0,
  errors jsonb,
  "createdAt" timestamp NOT NULL DEFAULT localtimestamp,
  "updatedAt" timestamp NOT NULL DEFAULT localtimestamp
)`,
      'CREATE INDEX IF NOT EXISTS idx_activated_use ON silknote_patient_filesets ("activatedUse")',
    );
  }
  return statements;
}

function mysqlGeneric(): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS \`Patient\` (
  \`id\` CHAR(36) NOT NULL,
  \`name\` VARCHAR(190) NOT NULL DEFAULT '',
  \`dateOfBirth\` DATE DEFAULT NULL,
  PRIMARY KEY (\`id\`),
  KEY \`idx_patient_name\` (\`name\`)
) ${MYSQL_TABLE}`,
    `CREATE TABLE IF NOT EXISTS \`Files\` (
  \`id\` CHAR(36) NOT NULL,
  \`path\` TEXT NOT NULL,
  \`patientId\` CHAR(36) NOT NULL,
  \`deleted\` BOOLEAN NOT NULL DEFAULT 0,
  \`createdAt\` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  \`updatedAt\` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (\`id\`),
  KEY \`idx_files_patient\` (\`patientId\`),
  KEY \`idx_files_updated\` (\`updatedAt\`),
  CONSTRAINT \`fk_files_patient\` FOREIGN KEY (\`patientId\`) REFERENCES \`Patient\` (\`id\`)
) ${MYSQL_TABLE}`,
  ];
}

function postgresGeneric(): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS "Patient" (
  id uuid PRIMARY KEY,
  name varchar(190) NOT NULL DEFAULT '',
  "dateOfBirth" date
)`,
    'CREATE INDEX IF NOT EXISTS idx_patient_name ON "Patient" (name)',
    `CREATE TABLE IF NOT EXISTS "Files" (
  id uuid PRIMARY KEY,
  path text NOT NULL,
  "patientId" uuid NOT NULL REFERENCES "Patient" (id),
  deleted boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
)`,
    'CREATE INDEX IF NOT EXISTS idx_files_patient ON "Files" ("patientId")',
    'CREATE INDEX IF NOT EXISTS idx_files_updated ON "Files" ("updatedAt")',
  ];
}
