/**
 * Names of tables. Each organisation has tables of its own: a control table, and one of passages for each generation. Big
 * letters are written `.a`, because file systems may take `A` and `a` for the same; a dot before a digit ends the id.
 */
export function controlName(organizationId: string): string {
  return `${beginning(organizationId)}.0control`;
}

export function passagesName(organizationId: string, generation: string): string {
  return `${beginning(organizationId)}.1${generation}`;
}

function beginning(organizationId: string): string {
  return `o${organizationId.replace(/[A-Z]/g, (letter) => `.${letter.toLowerCase()}`)}`;
}

export type TableName =
  | { readonly kind: 'control'; readonly organizationId: string }
  | { readonly kind: 'passages'; readonly organizationId: string; readonly generation: string };

/** Null for a table that is not ours. */
export function readName(name: string): TableName | null {
  const match = /^o((?:[a-z0-9_-]|\.[a-z])+)\.(?:(0control)|1([a-z0-9]+))$/.exec(name);
  if (!match) return null;
  const organizationId = match[1]!.replace(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return match[2] === undefined
    ? { kind: 'passages', organizationId, generation: match[3]! }
    : { kind: 'control', organizationId };
}
