/** What a request got wrong about its schema, so that whoever typed it need not look for what is allowed. Names fields, never values. */
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';

/** What Ajv adds with `verbose`. */
interface Mistake extends FastifySchemaValidationError {
  readonly parentSchema?: { readonly properties?: Readonly<Record<string, unknown>> };
}

/** A field's name as people choose them; whatever else somebody sends as one is not said again. */
const NAME = /^[\w.[\]-]{1,64}$/;
const MOST = 40;

/** @param place what was looked at: `body`, `querystring`, `params`, `headers` */
export function describeSchemaMistakes(mistakes: readonly FastifySchemaValidationError[], place: string): Error {
  const choices = new Map<string, Set<string>>();
  const texts = new Set<string>();
  for (const mistake of mistakes as readonly Mistake[]) {
    const where = `${place}${mistake.instancePath}`;
    const allowed = allowedValues(mistake);
    if (allowed !== null) {
      const before = choices.get(where) ?? new Set();
      choices.set(where, new Set([...before, ...allowed]));
    } else if (!isOfChoice(mistake)) texts.add(sentence(where, mistake));
  }
  // The branches of a choice each say their own.
  for (const [where, allowed] of choices) texts.add(`${where} must be one of ${listed([...allowed])}`);
  if (texts.size === 0) texts.add(`${place} does not fit`);
  return new Error([...texts].join(', '));
}

/** That a choice fits in none of its branches is said by these; whoever sent something did not mean nothing. */
function isOfChoice({ keyword, params }: Mistake): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf' || (keyword === 'type' && params.type === 'null');
}

function allowedValues({ keyword, params }: Mistake): string[] | null {
  if (keyword === 'enum' && Array.isArray(params.allowedValues)) return params.allowedValues.map(String);
  if (keyword === 'const' && 'allowedValue' in params) return [String(params.allowedValue)];
  return null;
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
