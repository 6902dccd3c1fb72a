/**
 * Headers and footers of a Word document, which mammoth leaves out. Letterheads say there who writes, and often about whom.
 * Only those that Word shows (ECMA-376, part 1, §17.10): a section may have other ones that are switched off.
 */
import { posix } from 'node:path';
import { Parser } from 'htmlparser2';
import { Refusal } from '../refusal.ts';

export interface WordMargins {
  /** Their texts, each once, in the order of the sections. */
  readonly headers: readonly string[];
  readonly footers: readonly string[];
  readonly hasImages: boolean;
}

type Kind = 'header' | 'footer';
type Attributes = Readonly<Record<string, string>>;

interface Handler {
  open?(name: string, attributes: Attributes): void;
  text?(text: string): void;
  close?(name: string): void;
}

const NONE: WordMargins = { headers: [], footers: [], hasImages: false };
/** As in the pages of a document: real ones are nested some dozens deep. */
const MAX_DEPTH = 20_000;
/** Removed and moved text under "track changes", and what is there twice for older programs. */
const LEFT_OUT = new Set(['del', 'moveFrom', 'Fallback']);
const OFF = new Set(['0', 'false', 'off']);

/** Which entries of the container {@link readMargins} wants. */
export function isPart(name: string): boolean {
  return name.endsWith('.xml') || name.endsWith('.rels');
}

/** @param parts entries of the container by name */
export function readMargins(parts: ReadonlyMap<string, Buffer>): WordMargins {
  const main = relations(parts, '').find(({ type }) => type === 'officeDocument')?.target;
  const document = parts.get(main ?? '');
  if (main === undefined || document === undefined) return NONE;
  const related = relations(parts, main);
  const settings = related.find(({ type }) => type === 'settings')?.target;
  const shown = shownParts(document, isSwitchedOn(parts.get(settings ?? ''), 'evenAndOddHeaders'));
  const texts = { header: new Set<string>(), footer: new Set<string>() };
  let hasImages = false;
  const read = new Set<string>();
  for (const { kind, id } of shown) {
    const target = related.find((relation) => relation.id === id && relation.type === kind)?.target;
    const part = parts.get(target ?? '');
    if (target === undefined || part === undefined || read.has(target)) continue;
    read.add(target);
    const content = readPart(part);
    if (content.text !== '') texts[kind].add(content.text);
    hasImages ||= content.hasImages;
  }
  return { headers: [...texts.header], footers: [...texts.footer], hasImages };
}

interface Relation {
  readonly id: string;
  /** The last part of its address, which has two beginnings (transitional and strict). */
  readonly type: string;
  readonly target: string;
}

/** @param source name of the part whose relations are asked for; '': of the container */
function relations(parts: ReadonlyMap<string, Buffer>, source: string): readonly Relation[] {
  const folder = posix.dirname(source);
  const xml = parts.get(posix.join(folder, '_rels', `${posix.basename(source)}.rels`));
  const found: Relation[] = [];
  read(xml, {
    open(name, { Id: id, Type: type, Target: target, TargetMode: mode }) {
      if (name !== 'Relationship' || id === undefined || target === undefined || mode === 'External') return;
      const path = target.startsWith('/') ? target.slice(1) : posix.join(folder, target);
      found.push({ id, type: posix.basename(type ?? ''), target: path });
    },
  });
  return found;
}

interface Shown {
  readonly kind: Kind;
  readonly id: string;
}

function shownParts(document: Buffer, even: boolean): readonly Shown[] {
  const shown: Shown[] = [];
  let section: (Shown & { type: string })[] | null = null;
  let hasTitlePage = false;
  // What a section was before a change that is tracked.
  let former = 0;
  read(document, {
    open(name, attributes) {
      if (name === 'sectPrChange') former++;
      if (former > 0) return;
      if (name === 'sectPr') {
        section = [];
        hasTitlePage = false;
      } else if (name === 'titlePg') hasTitlePage = isOn(attributes);
      else if (name === 'headerReference' || name === 'footerReference') {
        const kind = name === 'headerReference' ? 'header' : 'footer';
        section?.push({
          kind,
          id: attributeOf(attributes, 'id') ?? '',
          type: attributeOf(attributes, 'type') ?? 'default',
        });
      }
    },
    close(name) {
      if (name === 'sectPrChange') former--;
      if (name !== 'sectPr' || former > 0) return;
      for (const { type, ...part } of section ?? []) {
        if (type === 'default' || (type === 'first' && hasTitlePage) || (type === 'even' && even)) shown.push(part);
      }
      section = null;
    },
  });
  return shown;
}

function readPart(xml: Buffer): { readonly text: string; readonly hasImages: boolean } {
  const lines: string[] = [];
  // A paragraph may have a text box with paragraphs of its own.
  const open: string[][] = [];
  let hasImages = false;
  let leftOut = 0;
  let run = 0;
  let isText = false;
  const add = (text: string) => open.at(-1)?.push(text);
  read(xml, {
    open(name) {
      if (LEFT_OUT.has(name)) leftOut++;
      if (leftOut > 0) return;
      if (name === 'p') open.push([]);
      else if (name === 'r') run++;
      else if (name === 't') isText = true;
      else if (name === 'blip' || name === 'imagedata') hasImages = true;
      // Outside of a run it is a position for one.
      else if ((name === 'tab' && run > 0) || name === 'ptab') add('\t');
      else if (name === 'br' || name === 'cr') add('\n');
      else if (name === 'noBreakHyphen') add('-');
    },
    text(text) {
      if (isText && leftOut === 0) add(text);
    },
    close(name) {
      if (LEFT_OUT.has(name)) leftOut--;
      else if (leftOut > 0) return;
      else if (name === 'r') run--;
      else if (name === 't') isText = false;
      else if (name === 'p') lines.push((open.pop() ?? []).join('').trim());
    },
  });
  return { text: lines.filter((line) => line !== '').join('\n'), hasImages };
}

function isSwitchedOn(settings: Buffer | undefined, name: string): boolean {
  let isSet = false;
  read(settings, {
    open(element, attributes) {
      if (element === name) isSet = isOn(attributes);
    },
  });
  return isSet;
}

/** An element that is there is "on", unless it says otherwise. */
function isOn(attributes: Attributes): boolean {
  return !OFF.has(attributeOf(attributes, 'val') ?? '');
}

function attributeOf(attributes: Attributes, name: string): string | undefined {
  return Object.entries(attributes).find(([key]) => localName(key) === name)?.[1];
}

/** Prefixes of namespaces are the writer's choice. */
function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function read(xml: Buffer | undefined, handler: Handler): void {
  if (xml === undefined) return;
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        // The parser's work grows with the square of it.
        if (++depth > MAX_DEPTH) throw new Refusal('document_too_large', `It is nested more than ${MAX_DEPTH} deep.`);
        handler.open?.(localName(name), attributes);
      },
      ontext: (text) => handler.text?.(text),
      onclosetag(name) {
        depth--;
        handler.close?.(localName(name));
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(xml.toString('utf8'));
  parser.end();
}
