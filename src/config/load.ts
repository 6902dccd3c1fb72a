/**
 * Reads `chartsync.yaml` and the environment once, and returns one frozen object; nothing else in the program looks at
 * either. Order of precedence: the file, the environment's variables, defaults.
 */
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { checkShape } from './check.ts';
import type { Config } from './config.ts';
import { homeOf, readVariables, type Variables } from './environment.ts';
import { settingsOfConnections } from './given-settings.ts';
import { ConfigError, type Mistake, type Path, pathText } from './mistake.ts';
import { resolveConfig, type WellFormedFile } from './resolve.ts';
import { ConfigFile } from './schema.ts';
import { type ConfigSource, EMPTY_SOURCE, type Environment, readSource } from './source.ts';

const DEFAULT_FILE = 'chartsync.yaml';

export interface LoadOptions {
  readonly env: Environment;
  readonly cwd: string;
  /** Takes precedence over `CHARTSYNC_CONFIG`. */
  readonly file?: string;
}

/** @throws ConfigError naming every mistake */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const mistakes: Mistake[] = [];
  const variables = readVariables(options.env, mistakes);
  const { file, source } = await readFileSource(options, variables, mistakes);
  const value = source.value === undefined ? undefined : checkShape(ConfigFile, source, mistakes);
  const given = {
    file: wellFormed(value, mistakes),
    source,
    variables,
    home: homeOf(variables, options.cwd),
    fileName: file,
    folder: file === null ? options.cwd : dirname(file),
  };
  const config = resolveConfig({ ...given, mistakes });
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return freeze({ ...config, connectionSettings: settingsOfConnections(given) });
}

/**
 * What can be looked at further although there are mistakes elsewhere: contradictions are looked for only between values
 * that are well formed. Left-out list items keep their place, so that paths stay right.
 */
function wellFormed(value: unknown, mistakes: readonly Mistake[]): WellFormedFile {
  const isClean = (path: Path) => {
    const text = pathText(path);
    return !mistakes.some(
      (mistake) =>
        mistake.path === text || (/^[.[]/.test(mistake.path.slice(text.length)) && mistake.path.startsWith(text)),
    );
  };
  if (!isObject(value)) return {};
  const sections = Object.entries(value).filter(([key]) => key !== 'organizations' && isClean([key]));
  const organizations = listOf(value.organizations).map((organization, i) => {
    if (!isObject(organization)) return undefined;
    const at: Path = ['organizations', i];
    const own = Object.entries(organization).filter(([key]) => key !== 'connections' && isClean([...at, key]));
    const connections = listOf(organization.connections).map((connection, j) =>
      isClean([...at, 'connections', j]) ? connection : undefined,
    );
    return { id: '', ...Object.fromEntries(own), connections };
  });
  return { ...Object.fromEntries(sections), organizations } as WellFormedFile;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function readFileSource(
  { env, cwd, file: wanted }: LoadOptions,
  variables: Variables,
  mistakes: Mistake[],
): Promise<{ file: string | null; source: ConfigSource }> {
  const named = wanted ?? variables.CHARTSYNC_CONFIG;
  const file = resolve(cwd, named ?? DEFAULT_FILE);
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && named === undefined) return { file: null, source: EMPTY_SOURCE };
    const problem = code === 'ENOENT' ? 'there is no such file' : `this file cannot be read (${code})`;
    mistakes.push({ path: file, place: null, message: problem });
    return { file, source: { ...EMPTY_SOURCE, value: undefined } };
  }
  const name = relative(cwd, file);
  return { file, source: readSource(content, name.startsWith('..') ? file : name, env, mistakes) };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) freeze(item);
  }
  return value;
}
