/** Reads server-sent events over fetch, as a page does that must send a header. */
import { until } from './until.ts';

export interface HeardEvent {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly data: any;
}

export interface EventReader {
  readonly status: number;
  readonly events: HeardEvent[];
  readonly ended: () => boolean;
  /** Waits for an event. */
  next(event: string, which?: (data: HeardEvent['data']) => boolean): Promise<HeardEvent>;
  close(): void;
}

export async function readEvents(url: string, headers: Record<string, string>): Promise<EventReader> {
  const stop = new AbortController();
  const response = await fetch(url, { headers, signal: stop.signal });
  const events: HeardEvent[] = [];
  let ended = false;
  void (async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const event = field('event');
        if (event !== undefined)
          events.push({ id: field('id') ?? '', event, data: JSON.parse(field('data') ?? 'null') });
      }
    }
  })()
    .catch(() => undefined)
    .finally(() => {
      ended = true;
    });
  return {
    status: response.status,
    events,
    ended: () => ended,
    async next(event, which = () => true) {
      const find = () => events.find((heard) => heard.event === event && which(heard.data));
      await until(() => find() !== undefined);
      return find()!;
    },
    close: () => stop.abort(),
  };
}

/** A stream that ends only when somebody leaves has told what it may with its first event. */
export async function textOf(response: Response): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text();
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('data: ')) break;
  }
  return text;
}
