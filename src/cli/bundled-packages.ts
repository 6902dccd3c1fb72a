/**
 * Packages that consist of hundreds of small files, each loaded from one file instead: a command starts in half the time.
 * `scripts/bundle-packages.ts` makes these files. Where they are not there or were made of another version, Node loads the
 * package itself.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** ES modules without dependencies of their own, and what is imported of them. */
export const BUNDLED = {
  kysely: ['kysely', 'kysely/migration'],
  typebox: ['typebox', 'typebox/schema'],
} as const;

const MODULES = new URL('../../node_modules/', import.meta.url);
/** Below the packages, so that it vanishes with them. */
export const FOLDER = new URL('.cache/bundled/', MODULES);

/** By package. */
type Versions = Readonly<Record<string, string | undefined>>;

export function installedVersions(): Versions {
  const version = (name: string) => readJson<{ version: string }>(new URL(`${name}/package.json`, MODULES))?.version;
  return Object.fromEntries(Object.keys(BUNDLED).map((name) => [name, version(name)]));
}

/** What the files were made of. Empty: there are none. */
export function bundledVersions(folder = FOLDER): Versions {
  return readJson<Versions>(new URL('versions.json', folder)) ?? {};
}

/** Name of the file, without its end, for what is written in an import. */
export const fileOf = (specifier: string): string => specifier.replaceAll('/', '-');

/** From now on, in this process. */
export function useBundledPackages(folder = FOLDER): void {
  const bundled = bundledVersions(folder);
  const installed = installedVersions();
  const urls = new Map<string, string>();
  for (const [name, specifiers] of Object.entries(BUNDLED)) {
    if (bundled[name] === undefined || bundled[name] !== installed[name]) continue;
    for (const specifier of specifiers) urls.set(specifier, new URL(`${fileOf(specifier)}.mjs`, folder).href);
  }
  if (urls.size === 0) return;
  registerHooks({
    resolve(specifier, context, next) {
      const url = urls.get(specifier);
      return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true };
    },
  });
}

function readJson<T>(url: URL): T | null {
  try {
    return JSON.parse(readFileSync(url, 'utf8')) as T;
  } catch {
    return null;
  }
}
