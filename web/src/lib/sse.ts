/** Reads server-sent events from an answer: EventSource could not say for which organisation it asks. */

export interface ServerEvent {
  readonly event: string;
  readonly text: string;
  /** To go on after. Null: it has none. */
  readonly id: string | null;
}

/** The service says every 15 s that it is still there. A connection that is cut without a word is silent for ever. */
const SILENT_MS = 45_000;

/** Ends when the connection does, or is dead. */
export async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const silent = setTimeout(() => void reader.cancel().catch(() => undefined), SILENT_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        const event = parse(rest.slice(0, end));
        rest = rest.slice(end + 2);
        if (event !== null) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Comments and settings are no events. */
function parse(block: string): ServerEvent | null {
  let event = 'message';
  let id: string | null = null;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, name, text] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
    if (name === 'event') event = text ?? '';
    if (name === 'id') id = text ?? null;
    if (name === 'data') data.push(text ?? '');
  }
  return data.length === 0 ? null : { event, text: data.join('\n'), id };
}
