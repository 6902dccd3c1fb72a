/** What the service knows, and when it has noticed it. */
import { randomBytes } from 'node:crypto';
import { likeness } from './words.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface StoredFile {
  readonly id: string;
  readonly created: number;
  readonly order: number;
  readonly filename: string;
  readonly purpose: string;
  readonly bytes: Uint8Array;
}

export interface Membership {
  readonly file: StoredFile;
  readonly created: number;
  readonly order: number;
  attributes: Attributes;
  readonly chunking: unknown;
  /** Infinite when indexing never ends. */
  readonly readyAt: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
  /** Until when a search still finds it after it was deleted; null while it is there. */
  goneAt: number | null;
}

export interface VectorStore {
  readonly id: string;
  readonly created: number;
  readonly order: number;
  name: string;
  metadata: Readonly<Record<string, string>>;
  readonly members: Map<string, Membership>;
  readonly ghosts: Membership[];
}

export interface Filter {
  readonly type: string;
  readonly key?: string;
  readonly value?: unknown;
  readonly filters?: readonly Filter[];
}

export interface Switches {
  indexingMs: number;
  deletionMs: number;
  failIndexing: 'server_error' | 'unsupported_file' | 'invalid_file' | null;
  stuck: boolean;
  countsLie: boolean;
}

export function createState(switches: Switches) {
  const files = new Map<string, StoredFile>();
  const stores = new Map<string, VectorStore>();
  let order = 0;
  const newId = (kind: string): string => `${kind}${randomBytes(12).toString('hex')}`;
  const seconds = (): number => Math.floor(Date.now() / 1000);

  function detach(store: VectorStore, fileId: string): boolean {
    const member = store.members.get(fileId);
    if (!member) return false;
    store.members.delete(fileId);
    member.goneAt = Date.now() + switches.deletionMs;
    store.ghosts.push(member);
    return true;
  }

  return {
    files,
    stores,

    addFile(filename: string, purpose: string, bytes: Uint8Array): StoredFile {
      const file = { id: newId('file-'), created: seconds(), order: order++, filename, purpose, bytes };
      files.set(file.id, file);
      return file;
    },

    deleteFile(id: string): boolean {
      for (const store of stores.values()) detach(store, id);
      return files.delete(id);
    },

    addStore(name: string, metadata: Readonly<Record<string, string>>): VectorStore {
      const id = newId('vs_');
      const store = { id, created: seconds(), order: order++, name, metadata, members: new Map(), ghosts: [] };
      stores.set(id, store);
      return store;
    },

    attach(store: VectorStore, file: StoredFile, attributes: Attributes, chunking: unknown): Membership {
      const code = switches.failIndexing;
      const readyAt = switches.stuck ? Number.POSITIVE_INFINITY : Date.now() + switches.indexingMs;
      const lastError = code === null ? null : { code, message: 'The file could not be processed.' };
      const member = {
        file,
        created: seconds(),
        order: order++,
        attributes,
        chunking,
        readyAt,
        lastError,
        goneAt: null,
      };
      store.members.set(file.id, member);
      return member;
    },

    detach,

    search(store: VectorStore, question: string, filter: Filter | undefined, most: number, least: number) {
      const now = Date.now();
      const ghosts = store.ghosts.filter((member) => member.goneAt! > now);
      return [...store.members.values(), ...ghosts]
        .filter((member) => now >= member.readyAt && member.lastError === null)
        .filter((member) => filter === undefined || passes(filter, member.attributes))
        .map((member) => {
          const text = new TextDecoder().decode(member.file.bytes);
          return { member, text, score: likeness(question, text) };
        })
        .filter(({ score }) => score > 0 && score >= least)
        .sort((a, b) => b.score - a.score || a.member.order - b.member.order)
        .slice(0, most);
    },
  };
}

export function statusOf(member: Membership): 'in_progress' | 'completed' | 'failed' {
  if (Date.now() < member.readyAt) return 'in_progress';
  return member.lastError === null ? 'completed' : 'failed';
}

function passes(filter: Filter, attributes: Attributes): boolean {
  const { type, key = '', value, filters = [] } = filter;
  if (type === 'and') return filters.every((each) => passes(each, attributes));
  if (type === 'or') return filters.some((each) => passes(each, attributes));
  const own = attributes[key];
  if (type === 'in') return Array.isArray(value) && value.includes(own);
  if (type === 'nin') return Array.isArray(value) && !value.includes(own);
  if (type === 'eq') return own === value;
  if (type === 'ne') return own !== value;
  if (typeof own !== 'number' || typeof value !== 'number') return false;
  return type === 'gt' ? own > value : type === 'gte' ? own >= value : type === 'lt' ? own < value : own <= value;
}
