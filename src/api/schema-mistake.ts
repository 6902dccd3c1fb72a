/** What a request got wrong about its schema, so that whoever typed it need not look for what is allowed. Names fields, never values. */
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';

interface SomeSchema {
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SomeSchema>>;
}

/** With what Ajv adds for `verbose`: the wrong value and what it was held against. */
interface Mistake extends FastifySchemaValidationError {
  readonly data?: unknown;
  readonly schema?: unknown;
  readonly parentSchema?: SomeSchema;
}

/** A field's name as people choose them; whatever else somebody sends as one is not said again. */
const NAME = /^[\w.[\]-]{1,64}$/;
const MOST = 40;

/** @param place what was looked at: `body`, `querystring`, `params`, `headers` */
export function describeSchemaMistakes(mistakes: readonly FastifySchemaValidationError[], place: string): Error {
  const all = mistakes as readonly Mistake[];
  const isChoice = ({ keyword }: Mistake) => keyword === 'anyOf' || keyword === 'oneOf';
  let rest = all.filter((mistake) => !isChoice(mistake));
  for (const choice of all.filter(isChoice)) rest = withoutOtherBranches(rest, choice);
  const texts = new Set<string>();
  const values = new Map<string, Set<string>>();
  for (const mistake of rest) {
    const where = `${place}${mistake.instancePath}`;
    const allowed = allowedBy(mistake.parentSchema);
    if (!isOfValues(mistake)) texts.add(sentence(where, mistake));
    else values.set(where, new Set([...(values.get(where) ?? []), ...allowed]));
  }
  for (const [where, allowed] of values) texts.add(`${where} must be one of ${listed([...allowed])}`);
  if (texts.size === 0) texts.add(`${place} does not fit`);
  return new Error([...texts].join(', '));
}

/**
 * Each branch of a choice says what it misses, although only one was meant: the one that a field such as `channel` or `kind` names.
 * Where that field names none, it is the mistake; where it names one, the others have nothing to say.
 */
function withoutOtherBranches(mistakes: readonly Mistake[], choice: Mistake): Mistake[] {
  // Whoever sent something did not mean nothing.
  const left = mistakes.filter(({ keyword, params }) => keyword !== 'type' || params.type !== 'null');
  const branches = Array.isArray(choice.schema) ? (choice.schema as readonly SomeSchema[]) : [];
  const field = namingField(branches);
  if (field === undefined || typeof choice.data !== 'object' || choice.data === null || !(field in choice.data))
    return left;
  const named = String((choice.data as Readonly<Record<string, unknown>>)[field]);
  const isOf = (mistake: Mistake, branch: string) => mistake.schemaPath.startsWith(`${choice.schemaPath}/${branch}`);
  const meant = branches.findIndex((branch) => allowedBy(branch.properties?.[field]).includes(named));
  const others = left.filter((mistake) => !isOf(mistake, ''));
  if (meant !== -1) return [...others, ...left.filter((mistake) => isOf(mistake, `${meant}/`))];
  const allowed = branches.flatMap((branch) => allowedBy(branch.properties?.[field]));
  const instancePath = `${choice.instancePath}/${field}`;
  return [...others, { ...choice, keyword: 'enum', instancePath, parentSchema: { enum: allowed } }];
}

/** The field that has a value of its own in every branch. */
function namingField([first, ...others]: readonly SomeSchema[]): string | undefined {
  const isNaming = (branch: SomeSchema, field: string) => branch.properties?.[field]?.const !== undefined;
  if (first === undefined || others.length === 0) return undefined;
  return Object.keys(first.properties ?? {}).find((field) => [first, ...others].every((b) => isNaming(b, field)));
}

function isOfValues({ keyword }: Mistake): boolean {
  return keyword === 'enum' || keyword === 'const';
}

function allowedBy(schema: SomeSchema | undefined): string[] {
  if (schema === undefined) return [];
  if (schema.enum !== undefined) return schema.enum.map(String);
  return 'const' in schema ? [String(schema.const)] : [];
}

function sentence(where: string, { keyword, params, message, parentSchema }: Mistake): string {
  if (keyword !== 'additionalProperties') return `${where} ${message ?? 'does not fit'}`;
  const name = String(params.additionalProperty);
  const known = Object.keys(parentSchema?.properties ?? {});
  const unknown = NAME.test(name) ? `has no field ${name}` : 'has an unknown field';
  return `${where} ${unknown}; ${known.length === 0 ? 'it takes none' : `it takes ${listed(known)}`}`;
}

function listed(names: readonly string[]): string {
  return names.length > MOST ? `${names.slice(0, MOST).join(', ')}, …` : names.join(', ');
}
