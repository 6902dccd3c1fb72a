/** Each path of the interface, with the service's rules and shapes. */
import {
  type Attributes,
  type createState,
  type Filter,
  type Membership,
  type StoredFile,
  type Switches,
  statusOf,
  type VectorStore,
} from './state.ts';
import { vectorOf } from './words.ts';

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: Buffer;
  readonly state: ReturnType<typeof createState>;
  readonly switches: Switches;
}

export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Json = Readonly<Record<string, unknown>>;

export async function answerTo(question: Question): Promise<unknown> {
  const [first = '', id, second, inner, ...more] = question.path.split('/').slice(1);
  if (more.length > 0) throw absent();
  const { method } = question;
  if (first === 'embeddings' && method === 'POST') return embeddings(json(question));
  if (first === 'files') return files(question, id);
  if (first !== 'vector_stores') throw absent();
  if (id === undefined) return method === 'POST' ? createStore(question) : listStores(question);
  const store = question.state.stores.get(id);
  if (!store) throw new Refusal(404, `No vector store found with id '${id}'.`);
  if (second === undefined) return oneStore(question, store);
  if (second === 'search' && method === 'POST') return search(question, store);
  if (second === 'files') return members(question, store, inner);
  throw absent();
}

async function files({ method, contentType, body, state, query }: Question, id: string | undefined): Promise<unknown> {
  if (id === undefined && method === 'POST') {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
      .formData()
      .catch(() => {
        throw new Refusal(400, 'Expected multipart/form-data.');
      });
    const [file, purpose] = [form.get('file'), form.get('purpose')];
    if (!(file instanceof File) || typeof purpose !== 'string')
      throw new Refusal(400, 'file and purpose are required.');
    if (file.size === 0) throw new Refusal(400, 'File is empty.');
    return fileObject(state.addFile(file.name, purpose, new Uint8Array(await file.arrayBuffer())));
  }
  if (id === undefined) return page([...state.files.values()], query, fileObject);
  const file = state.files.get(id);
  if (!file) throw new Refusal(404, `No such File object: ${id}`);
  if (method !== 'DELETE') return fileObject(file);
  state.deleteFile(id);
  return { id, object: 'file', deleted: true };
}

function createStore(question: Question): unknown {
  const { name = '', metadata = {} } = json(question);
  checkPairs(metadata);
  return storeObject(question, question.state.addStore(String(name), metadata as Record<string, string>));
}

function listStores(question: Question): unknown {
  return page([...question.state.stores.values()], question.query, (store) => storeObject(question, store));
}

function oneStore(question: Question, store: VectorStore): unknown {
  if (question.method === 'DELETE') {
    question.state.stores.delete(store.id);
    return { id: store.id, object: 'vector_store.deleted', deleted: true };
  }
  if (question.method === 'POST') {
    const { name, metadata } = json(question);
    if (typeof name === 'string') store.name = name;
    if (metadata !== undefined) {
      checkPairs(metadata);
      store.metadata = metadata as Record<string, string>;
    }
  }
  return storeObject(question, store);
}

function members(question: Question, store: VectorStore, fileId: string | undefined): unknown {
  const { method, state, query } = question;
  const object = (member: Membership) => memberObject(store, member);
  if (fileId === undefined && method === 'GET') {
    const wanted = query.get('filter');
    const all = [...store.members.values()].filter((member) => wanted === null || statusOf(member) === wanted);
    return page(all, query, object);
  }
  if (fileId === undefined) {
    const { file_id, attributes = {}, chunking_strategy } = json(question);
    const file = state.files.get(String(file_id));
    if (!file) throw new Refusal(404, `No such File object: ${file_id}`);
    checkPairs(attributes);
    checkChunking(chunking_strategy as Json | undefined);
    return object(state.attach(store, file, attributes as Attributes, chunking_strategy));
  }
  const member = store.members.get(fileId);
  if (!member) throw new Refusal(404, `No file found with id '${fileId}' in vector store '${store.id}'.`);
  if (method === 'DELETE') {
    state.detach(store, fileId);
    return { id: fileId, object: 'vector_store.file.deleted', deleted: true };
  }
  if (method === 'POST') {
    const { attributes = {} } = json(question);
    checkPairs(attributes);
    member.attributes = attributes as Attributes;
  }
  return object(member);
}

function search(question: Question, store: VectorStore): unknown {
  const { query, filters, max_num_results = 10, ranking_options } = json(question);
  const most = Number(max_num_results);
  if (!Number.isInteger(most) || most < 1 || most > 50) throw new Refusal(400, 'max_num_results must be from 1 to 50.');
  const text = Array.isArray(query) ? query.join(' ') : query;
  if (typeof text !== 'string' || text === '') throw new Refusal(400, 'query is required.');
  const least = Number((ranking_options as Json | undefined)?.score_threshold ?? 0);
  const found = question.state.search(store, text, filters as Filter | undefined, most, least);
  const data = found.map(({ member, text: chunk, score }) => ({
    file_id: member.file.id,
    filename: member.file.filename,
    score,
    attributes: member.attributes,
    content: [{ type: 'text', text: chunk }],
  }));
  return { object: 'vector_store.search_results.page', search_query: [text], data, has_more: false, next_page: null };
}

function embeddings({ input, model, dimensions = 256 }: Json): unknown {
  const texts = Array.isArray(input) ? input : [input];
  if (texts.length === 0 || texts.length > 2048 || texts.some((text) => typeof text !== 'string' || text === '')) {
    throw new Refusal(400, 'input must be 1 to 2048 texts.');
  }
  const data = texts.map((text, index) => ({
    object: 'embedding',
    index,
    embedding: vectorOf(text as string, Number(dimensions)),
  }));
  // The order is not promised.
  return { object: 'list', model, data: data.reverse(), usage: { prompt_tokens: 0, total_tokens: 0 } };
}

interface Listed {
  readonly order: number;
}

function page<T extends Listed>(
  all: T[],
  query: URLSearchParams,
  object: (item: T) => { readonly id: string },
): unknown {
  const limit = Number(query.get('limit') ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw new Refusal(400, 'limit must be from 1 to 100.');
  const direction = query.get('order') === 'asc' ? 1 : -1;
  const sorted = all.sort((a, b) => direction * (a.order - b.order)).map(object);
  const after = query.get('after');
  const from = after === null ? 0 : sorted.findIndex((item) => item.id === after) + 1;
  if (after !== null && from === 0) throw new Refusal(400, 'after names nothing in the list.');
  const data = sorted.slice(from, from + limit);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { object: 'list', data, ...ends, has_more: from + limit < sorted.length };
}

function json({ body }: Question): Json {
  try {
    const value = JSON.parse(body.toString('utf8') || '{}');
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw new Refusal(400, 'The body is not a JSON object.');
}

function checkPairs(value: unknown): void {
  const pairs = Object.entries((value ?? {}) as Json);
  if (pairs.length > 16) throw new Refusal(400, 'At most 16 pairs.');
  for (const [key, each] of pairs) {
    if (key.length > 64 || (typeof each === 'string' && each.length > 512))
      throw new Refusal(400, 'A pair is too long.');
    if (!['string', 'number', 'boolean'].includes(typeof each)) throw new Refusal(400, 'A value has a wrong type.');
  }
}

function checkChunking(strategy: Json | undefined): void {
  const { max_chunk_size_tokens: size = 800, chunk_overlap_tokens: overlap = 400 } = (strategy?.static ?? {}) as Json;
  const fits = Number(size) >= 100 && Number(size) <= 4096 && Number(overlap) <= Number(size) / 2;
  if (!fits) throw new Refusal(400, 'Chunks have 100 to 4096 tokens and overlap by at most half.');
}

function fileObject({ id, bytes, created, filename, purpose }: StoredFile) {
  const size = bytes.byteLength;
  return {
    id,
    object: 'file',
    bytes: size,
    created_at: created,
    expires_at: null,
    filename,
    purpose,
    status: 'processed',
  };
}

function memberObject(store: VectorStore, member: Membership) {
  const { file, created, attributes, chunking } = member;
  const status = statusOf(member);
  return {
    id: file.id,
    object: 'vector_store.file',
    usage_bytes: status === 'completed' ? file.bytes.byteLength : 0,
    created_at: created,
    vector_store_id: store.id,
    status,
    last_error: status === 'failed' ? member.lastError : null,
    attributes,
    chunking_strategy: chunking ?? {
      type: 'static',
      static: { max_chunk_size_tokens: 800, chunk_overlap_tokens: 400 },
    },
  };
}

function storeObject({ switches }: Question, store: VectorStore) {
  const counts = { in_progress: 0, completed: 0, failed: 0, cancelled: 0 };
  for (const member of store.members.values()) counts[statusOf(member)]++;
  const lies = switches.countsLie ? store.ghosts.length : 0;
  return {
    id: store.id,
    object: 'vector_store',
    created_at: store.created,
    usage_bytes: 0,
    last_active_at: store.created,
    name: store.name,
    status: counts.in_progress > 0 ? 'in_progress' : 'completed',
    file_counts: { ...counts, total: store.members.size + lies },
    expires_after: null,
    expires_at: null,
    metadata: store.metadata,
  };
}

function absent(): Refusal {
  return new Refusal(404, 'Unknown request URL.');
}
