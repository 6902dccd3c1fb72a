/**
 * Where a source database keeps patients and files: tables, columns and the way from a file to its patient.
 *
 * Two mappings are ready to use: `vsrx` (the application's real schema) and `generic` (`Patient` and `Files`). Any other
 * schema is described by an object, alone or as a change of one of the two. `null` says that a column does not exist.
 * Names go into SQL, so only plain identifiers are accepted, and every dialect quotes them.
 */
import Type from 'typebox';
import { Check, Errors } from 'typebox/schema';
import { SyncError } from '../../domain/errors.ts';

/** The only names accepted for tables and columns. */
export const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]{0,63}$/;

const Name = Type.String({ pattern: IDENTIFIER.source, description: 'Name of a table or column.' });
const NameOrNone = Type.Union([Name, Type.Null()], { description: 'Name of a column; null when there is none.' });
const QualifiedName = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_$]{0,63}\\.[A-Za-z_][A-Za-z0-9_$]{0,63}$',
  description: 'table.column',
});
const closed = { additionalProperties: false } as const;

const Owner = Type.Object({ table: Name, id: Name, uuid: Name }, closed);

const Patient = Type.Object(
  {
    table: Name,
    id: Name,
    uuid: Name,
    owner: Type.Optional(NameOrNone),
    name: Type.Optional(NameOrNone),
    birthDate: Type.Optional(NameOrNone),
    gender: Type.Optional(NameOrNone),
  },
  closed,
);

const File = Type.Object(
  {
    table: Name,
    id: Name,
    uuid: Type.Optional(NameOrNone),
    path: Name,
    description: Type.Optional(NameOrNone),
    createdAt: Type.Optional(NameOrNone),
    updatedAt: Type.Optional(NameOrNone),
    deleted: Type.Optional(NameOrNone),
    uploader: Type.Optional(NameOrNone),
  },
  closed,
);

const JoinPath = Type.Array(Type.Tuple([QualifiedName, QualifiedName]), {
  minItems: 1,
  description: 'Pairs of equal columns that lead from the file table to the patient table, in order.',
});

const PresetName = Type.Union([Type.Literal('vsrx'), Type.Literal('generic')]);

/** The `mapping` of a connection's settings: the name of a ready mapping, a change of one, or a whole mapping. */
export const TableMappingSettings = Type.Union([
  PresetName,
  Type.Object(
    {
      preset: PresetName,
      owner: Type.Optional(Type.Union([Type.Partial(Owner, closed), Type.Null()])),
      patient: Type.Optional(Type.Partial(Patient, closed)),
      file: Type.Optional(Type.Partial(File, closed)),
      fileToPatient: Type.Optional(JoinPath),
      sourceTimeZone: Type.Optional(Type.String()),
    },
    closed,
  ),
  Type.Object(
    {
      owner: Type.Optional(Type.Union([Owner, Type.Null()])),
      patient: Patient,
      file: File,
      fileToPatient: JoinPath,
      sourceTimeZone: Type.String({
        description: 'IANA name of the zone of the clock in the source, e.g. Australia/Sydney.',
      }),
    },
    closed,
  ),
]);
export type TableMappingSettings = Type.Static<typeof TableMappingSettings>;
export type PresetName = Type.Static<typeof PresetName>;

export interface Column {
  readonly table: string;
  readonly column: string;
}

export interface TableMapping {
  /** Null when patients have no owner. */
  readonly owner: { readonly table: string; readonly id: string; readonly uuid: string } | null;
  readonly patient: {
    readonly table: string;
    readonly id: string;
    readonly uuid: string;
    readonly owner: string | null;
    readonly name: string | null;
    readonly birthDate: string | null;
    readonly gender: string | null;
  };
  readonly file: {
    readonly table: string;
    readonly id: string;
    readonly uuid: string | null;
    readonly path: string;
    readonly description: string | null;
    readonly createdAt: string | null;
    readonly updatedAt: string | null;
    readonly deleted: string | null;
    readonly uploader: string | null;
  };
  /** Each step joins the table of its second column to what is joined already; the last one joins the patient table. */
  readonly fileToPatient: readonly (readonly [Column, Column])[];
  /** IANA name; the source's times carry no zone. */
  readonly sourceTimeZone: string;
}

type Whole = Extract<
  TableMappingSettings,
  { patient: object; file: object; fileToPatient: object; sourceTimeZone: string }
>;

const PRESETS: Record<PresetName, Whole> = {
  vsrx: {
    owner: { table: 'staff', id: 'staff_id', uuid: 'silknoteUserUuid' },
    patient: { table: 'candidates', id: 'candidate_id', uuid: 'silknotePatientUuid', owner: 'staff_id' },
    file: {
      table: 'ax_notes_attachments',
      id: 'id',
      uuid: 'file_uuid',
      path: 'file',
      description: 'description',
      createdAt: 'datestamp',
      uploader: 'user_id',
    },
    fileToPatient: [
      ['ax_notes_attachments.assessment_id', 'assessments.assessment_id'],
      ['assessments.candidate_id', 'candidates.candidate_id'],
    ],
    sourceTimeZone: 'Australia/Sydney',
  },
  generic: {
    patient: { table: 'Patient', id: 'id', uuid: 'id', name: 'name' },
    file: {
      table: 'Files',
      id: 'id',
      uuid: 'id',
      path: 'path',
      createdAt: 'createdAt',
      updatedAt: 'updatedAt',
      deleted: 'deleted',
    },
    fileToPatient: [['Files.patientId', 'Patient.id']],
    sourceTimeZone: 'UTC',
  },
};

/**
 * Completes and checks a mapping.
 *
 * @param timeZone replaces the mapping's `sourceTimeZone`
 * @throws SyncError `settings_invalid`, saying what is wrong
 */
export function resolveMapping(settings: TableMappingSettings, timeZone?: string): TableMapping {
  if (!Check(TableMappingSettings, settings)) throw invalid(describeShapeError(settings));
  const { owner, patient, file, fileToPatient, sourceTimeZone } = complete(settings);
  const zone = timeZone ?? sourceTimeZone;
  const mapping: TableMapping = {
    owner: owner ?? null,
    patient: { owner: null, name: null, birthDate: null, gender: null, ...patient },
    file: { uuid: null, description: null, createdAt: null, updatedAt: null, deleted: null, uploader: null, ...file },
    fileToPatient: fileToPatient.map(([from, to]) => [column(from), column(to)] as const),
    sourceTimeZone: zone,
  };
  if (mapping.owner === null && patient.owner)
    throw invalid('patient.owner names a column but there is no owner table.');
  if (mapping.owner !== null && !patient.owner)
    throw invalid('An owner table needs patient.owner, the column that leads to it.');
  checkJoinPath(mapping);
  checkTimeZone(zone);
  return mapping;
}

/** Tables with the columns that the mapping needs of each. */
export function requiredColumns(mapping: TableMapping): Map<string, Set<string>> {
  const required = new Map<string, Set<string>>();
  const need = (table: string, ...columns: (string | null)[]) => {
    const known = required.get(table) ?? new Set();
    for (const name of columns) if (name !== null) known.add(name);
    required.set(table, known);
  };
  const { owner, patient, file } = mapping;
  need(
    file.table,
    file.id,
    file.uuid,
    file.path,
    file.description,
    file.createdAt,
    file.updatedAt,
    file.deleted,
    file.uploader,
  );
  for (const pair of mapping.fileToPatient) for (const { table, column } of pair) need(table, column);
  need(patient.table, patient.id, patient.uuid, patient.owner, patient.name, patient.birthDate, patient.gender);
  if (owner) need(owner.table, owner.id, owner.uuid);
  return required;
}

function complete(settings: TableMappingSettings): Whole {
  if (typeof settings === 'string') return PRESETS[settings];
  if (!('preset' in settings)) return settings;
  const base = PRESETS[settings.preset];
  const whole = {
    owner: settings.owner === undefined ? base.owner : settings.owner && { ...base.owner, ...settings.owner },
    patient: { ...base.patient, ...settings.patient },
    file: { ...base.file, ...settings.file },
    fileToPatient: settings.fileToPatient ?? base.fileToPatient,
    sourceTimeZone: settings.sourceTimeZone ?? base.sourceTimeZone,
  };
  // Without an owner table the column that led to it means nothing.
  if (settings.owner === null && settings.patient?.owner === undefined) whole.patient.owner = null;
  if (whole.owner && !Check(Owner, whole.owner)) throw invalid('owner needs table, id and uuid.');
  return whole as Whole;
}

function checkJoinPath(mapping: TableMapping): void {
  const { file, patient, fileToPatient } = mapping;
  if (file.table === patient.table) throw invalid('Files and patients must be in different tables.');
  const joined = new Set([file.table]);
  for (const [from, to] of fileToPatient) {
    if (!joined.has(from.table)) {
      throw invalid(
        `The join path does not hang together: ${from.table}.${from.column} comes before its table is joined. ` +
          `It must start at ${file.table} and lead to ${patient.table}.`,
      );
    }
    if (joined.has(to.table)) throw invalid(`The join path visits ${to.table} twice.`);
    joined.add(to.table);
  }
  if (fileToPatient.at(-1)?.[1].table !== patient.table) {
    throw invalid(`The join path does not end at the patient table ${patient.table}.`);
  }
  if (mapping.owner && joined.has(mapping.owner.table)) {
    throw invalid(`The owner table ${mapping.owner.table} must not be part of the join path.`);
  }
}

function checkTimeZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    throw invalid('sourceTimeZone is no IANA time zone, such as Australia/Sydney.');
  }
}

function column(qualified: string): Column {
  const [table, name] = qualified.split('.');
  return { table: table!, column: name! };
}

/** Names the setting and the rule, never the value: a refused name may hold anything. */
function describeShapeError(settings: unknown): string {
  if (typeof settings === 'string') return 'The ready mappings are called vsrx and generic.';
  if (typeof settings !== 'object' || settings === null) return 'The mapping must be a name or an object.';
  const variant = TableMappingSettings.anyOf['preset' in settings ? 1 : 2];
  const [, [first]] = Errors(variant, settings);
  if (!first) return 'The mapping is not well formed.';
  const where = first.instancePath.slice(1).replaceAll('/', '.') || 'the mapping';
  // The library reports a key that the schema does not have as "schema is false".
  if (first.keyword === 'boolean' || first.keyword === 'additionalProperties') {
    return `At ${where}: the mapping has no such setting.`;
  }
  return `At ${where}: ${first.message}. Names of tables and columns consist of letters, digits, _ and $.`;
}

function invalid(detail: string): SyncError {
  return new SyncError('settings_invalid', { detail: `Table mapping: ${detail}` });
}
