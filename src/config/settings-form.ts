/** The settings of a connection as a form: what each may be, what it is, who said so; and whether a change would be right. */
import Type, { type TObject, type TSchema } from 'typebox';
import { checkShape } from './check.ts';
import type { ChosenValues, ConnectionConfig, FieldMistake, FormField } from './config.ts';
import { didYouMean, type Mistake, type Path, pathText } from './mistake.ts';
import { SETTINGS_SHAPES } from './schema.ts';
import { SETTING_WORDS, type SettingWords } from './setting-words.ts';
import { EMPTY_SOURCE } from './source.ts';

type Connector = ConnectionConfig['connector'];
type Values = Readonly<Record<string, unknown>>;

interface ShapeField extends SettingWords {
  readonly name: string;
  readonly shape: TSchema;
}

/** What a connection is made of, as the file says it. */
export interface GivenConnection {
  readonly connector: Connector;
  readonly settings: Values;
  /** Did the environment fill in what the file says there? */
  fromEnvironment(path: Path): boolean;
  /** What variables say where the file says nothing. */
  readonly variables: Values;
  /** The connection with other settings. Mistakes are told with their path below `settings`. */
  resolve(settings: Values, mistake: (path: string, message: string) => void): ConnectionConfig | null;
}

/** Every setting that a connector knows, without those that only hold others. */
export function fieldsOf(connector: Connector): readonly ShapeField[] {
  const words = SETTING_WORDS[connector];
  const found: ShapeField[] = [];
  const walk = (object: TObject, before: Path) => {
    for (const [key, shape] of Object.entries(object.properties)) {
      const path = [...before, key];
      if (Type.IsObject(shape)) walk(shape, path);
      else {
        const name = pathText(path);
        const said = words[name];
        found.push({ ...(said ?? { title: name, help: '' }), name, shape });
      }
    }
  };
  walk(SETTINGS_SHAPES[connector], []);
  return found;
}

/** @param chosen name of a setting → its value; null: as though nobody said it */
export function withChosen(settings: Values, chosen: Values): Values {
  let result = settings;
  for (const [name, value] of Object.entries(chosen)) result = withOne(result, name.split('.'), value);
  return result;
}

function withOne(settings: Values, [first = '', ...rest]: readonly string[], value: unknown): Values {
  const { [first]: before, ...others } = settings;
  if (rest.length === 0) return value === null ? others : { ...others, [first]: value };
  const inner = withOne(isValues(before) ? before : {}, rest, value);
  return Object.keys(inner).length === 0 ? others : { ...others, [first]: inner };
}

/** Names that cannot be chosen. */
export function refusedNames(connector: Connector, names: readonly string[]): FieldMistake[] {
  const fields = new Map(fieldsOf(connector).map((field) => [field.name, field]));
  return names.flatMap((name) => {
    const field = fields.get(name);
    if (field === undefined) {
      const message = `there is no setting of this name.${didYouMean(name, [...fields.keys()])}`.replace(/\.$/, '');
      return [{ name, message }];
    }
    return field.fixed === undefined ? [] : [{ name, message: `cannot be changed here. ${field.fixed}` }];
  });
}

/** The connection with what was chosen, or every mistake, by setting. */
export function resolveChosen(
  given: GivenConnection,
  chosen: Values,
): { readonly connection: ConnectionConfig } | { readonly mistakes: readonly FieldMistake[] } {
  const settings = withChosen(given.settings, chosen);
  const shapeMistakes: Mistake[] = [];
  checkShape(SETTINGS_SHAPES[given.connector], { ...EMPTY_SOURCE, value: settings }, shapeMistakes);
  const names = fieldsOf(given.connector).map(({ name }) => name);
  if (shapeMistakes.length > 0) {
    return { mistakes: shapeMistakes.map(({ path, message }) => whereOf(path, names, message)) };
  }
  const mistakes: FieldMistake[] = [];
  const connection = given.resolve(settings, (path, message) => mistakes.push(whereOf(path, names, message)));
  if (mistakes.length > 0 || connection === null) return { mistakes };
  return { connection };
}

/** `breaks[0].to` belongs to the setting `breaks`; what else the path says is put before the message. */
function whereOf(path: string, names: readonly string[], message: string): FieldMistake {
  const name = names.find(
    (known) => path === known || (path.startsWith(known) && /^[.[]/.test(path.slice(known.length))),
  );
  if (name === undefined) return { name: path, message };
  const rest = path.slice(name.length).replace(/^\./, '');
  return { name, message: rest === '' ? message : `${rest} ${message}` };
}

/** @param chosen name of a setting → its value */
export function formOf(given: GivenConnection, chosen: ChosenValues): FormField[] {
  return fieldsOf(given.connector).map((field) => {
    const path = field.name.split('.');
    const inFile = valueAt(given.settings, path);
    const said = inFile ?? valueAt(given.variables, path);
    const configured = said ?? field.default ?? null;
    const isChosen = Object.hasOwn(chosen, field.name);
    const from = isChosen
      ? ('person' as const)
      : inFile !== undefined
        ? given.fromEnvironment(path)
          ? ('environment' as const)
          : ('file' as const)
        : said !== undefined
          ? ('environment' as const)
          : ('default' as const);
    return {
      name: field.name,
      title: field.title,
      help: field.help,
      expected: (field.shape as { description?: string }).description ?? '',
      unit: field.unit ?? null,
      schema: jsonSchemaOf(field.shape),
      default: field.default ?? null,
      defaultText: field.defaultText ?? null,
      value: withoutSecrets(field.name, isChosen ? (chosen[field.name] ?? field.default ?? null) : configured),
      configured: withoutSecrets(field.name, configured),
      from,
      fixed: field.fixed ?? null,
    };
  });
}

/** Checks that only the program knows are not part of JSON Schema; their results are told when somebody tries a value. */
function jsonSchemaOf(shape: TSchema): Record<string, unknown> {
  return JSON.parse(JSON.stringify(shape, (key, value) => (key.startsWith('~') ? undefined : value)));
}

/** The URL of a database may have a user name and a password. */
function withoutSecrets(name: string, value: unknown): unknown {
  if (name !== 'database' || typeof value !== 'string') return value;
  const url = URL.parse(value);
  return url === null ? null : `${url.protocol}//${url.host}${url.pathname}`;
}

function valueAt(values: Values, [first = '', ...rest]: readonly string[]): unknown {
  const value = values[first];
  return rest.length === 0 ? value : isValues(value) ? valueAt(value, rest) : undefined;
}

const isValues = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
