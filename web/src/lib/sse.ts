/** Reads server-sent events from an answer: EventSource could not say for which organisation it asks. */

export interface ServerEvent {
  readonly event: string;
  readonly text: string;
  /** To go on after. Null: it has none. */
  readonly id: string | null;
}

export async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
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
