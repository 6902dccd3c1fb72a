/** The description of the interface as tests look things up in it: with what it says once written out wherever it is named. */

export interface Described {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly security?: readonly object[];
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, DescribedContent> };
  readonly responses: Record<string, DescribedAnswer>;
}
export interface DescribedAnswer {
  readonly description: string;
  readonly content?: Record<string, DescribedContent>;
}
export interface DescribedContent {
  readonly schema: { readonly properties?: Record<string, unknown>; readonly examples?: readonly unknown[] };
  readonly example?: unknown;
  readonly examples?: Record<string, { readonly value: unknown }>;
}

/** Path → method → operation. */
export type DescribedPaths = Record<string, Record<string, Described>>;

/** @param document what `/openapi.json` answers */
export function describedPaths(document: unknown): DescribedPaths {
  return (writtenOut(document, document) as { paths: DescribedPaths }).paths;
}

/** Nothing in the description refers to itself. */
function writtenOut(node: unknown, document: unknown): unknown {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((inner) => writtenOut(inner, document));
  if ('$ref' in node) return writtenOut(at(document, String(node.$ref)), document);
  return Object.fromEntries(Object.entries(node).map(([name, inner]) => [name, writtenOut(inner, document)]));
}

function at(document: unknown, reference: string): unknown {
  const [, ...steps] = reference.split('/');
  return steps.reduce((node, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) {
      throw new Error(`${reference} is not in the document`);
    }
    return (node as Record<string, unknown>)[name];
  }, document);
}
