/** `chartsync.yaml` as values, with the place of each of them and with `${NAME}` replaced. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { type Mistake, type Path, pathText } from './mistake.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSource {
  readonly value: unknown;
  /** `file:line:column` of the value at `path`, or of the nearest one around it. */
  place(path: Path): string | null;
  placeOfKey(path: Path): string | null;
  /** Did (a part of) this value come from the environment? Then it is nobody's business, and always a text. */
  fromEnvironment(path: Path): boolean;
}

/** Messages of the parser quote the file, and with it secrets. */
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'a value that begins with "*" must be put in quotes',
  BAD_INDENT: 'this line is not indented like its neighbours',
  BAD_DQ_ESCAPE: 'a text in double quotes has an unknown \\ sequence; use single quotes',
  DUPLICATE_KEY: 'this key is given twice',
  MISSING_CHAR: 'a quote, comma or bracket is missing, or this line is not indented like its neighbours',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line, followed by ": "',
  TAB_AS_INDENT: 'indent with blanks, not with tabs',
  MULTIPLE_DOCS: 'the file must be one document (remove "---")',
  UNEXPECTED_TOKEN: 'this is not expected here; a value with special characters must be put in quotes',
};

export const EMPTY_SOURCE: ConfigSource = {
  value: {},
  place: () => null,
  placeOfKey: () => null,
  fromEnvironment: () => false,
};

/** @param name how the file is called in places */
export function readSource(content: string, name: string, env: Environment, mistakes: Mistake[]): ConfigSource {
  const before = mistakes.length;
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  for (const error of document.errors) {
    mistakes.push({ path: '', place: placeAt(error.pos[0]), message: syntaxMessage(error) });
  }
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document)) return;
      mistakes.push({ path: '', place: placeAt(alias.range?.[0] ?? 0), message: SYNTAX.BAD_ALIAS! });
    },
  });
  const values = mistakes.length > before ? undefined : valuesOf(document);
  if (values === TOO_MANY_ALIASES)
    mistakes.push({ path: '', place: placeAt(0), message: 'the file has too many aliases' });
  if (values === undefined || values === TOO_MANY_ALIASES) return { ...EMPTY_SOURCE, value: undefined };

  const place = (path: Path) => {
    for (let length = path.length; length >= 0; length--) {
      const node = nodeAt(document, path.slice(0, length));
      if (node?.range) return placeAt(node.range[0]);
    }
    return null;
  };
  const replaced = new Set<string>();
  const replace = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => replace(item, [...path, i]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item, [...path, key])]));
    }
    if (typeof value !== 'string') return value;
    const { text, problems, used } = fillIn(value, env);
    for (const message of problems) mistakes.push({ path: pathText(path), place: place(path), message });
    if (used) replaced.add(pathText(path));
    return text;
  };
  return {
    value: replace(values, []),
    place,
    placeOfKey(path) {
      const parent = nodeAt(document, path.slice(0, -1));
      const pair = isMap(parent)
        ? parent.items.find((p) => isScalar(p.key) && String(p.key.value) === path.at(-1))
        : null;
      return isNode(pair?.key) && pair.key.range ? placeAt(pair.key.range[0]) : place(path);
    },
    fromEnvironment: (path) => replaced.has(pathText(path)),
  };
}

const TOO_MANY_ALIASES = Symbol('too many aliases');

function valuesOf(document: Document): unknown {
  try {
    return document.toJS() ?? {};
  } catch {
    // A few lines of aliases to aliases can stand for gigabytes; the parser stops counting at 100.
    return TOO_MANY_ALIASES;
  }
}

function nodeAt(document: Document, path: Path): Node | null {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? node : null;
}

function syntaxMessage(error: YAMLError): string {
  return SYNTAX[error.code] ?? `this is not valid YAML (${error.code})`;
}

/** `${NAME}`, `${NAME:-default}`; `$${` is a literal `${`. */
function fillIn(value: string, env: Environment): { text: string; problems: string[]; used: boolean } {
  const problems: string[] = [];
  let used = false;
  const text = value.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inside: string | undefined, end: string) => {
    if (inside === undefined) return '${';
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inside);
    used = true;
    if (!match || end === '') {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user has to write
      problems.push('expected ${NAME} or ${NAME:-default}; write $${ for the characters ${ themselves');
      return whole;
    }
    const [, name = '', fallback] = match;
    const given = env[name] || fallback;
    if (given === undefined) problems.push(`the environment variable ${name} is not set`);
    return given ?? '';
  });
  return { text, problems, used };
}
