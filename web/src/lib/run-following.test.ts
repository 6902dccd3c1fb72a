import { expect, test } from 'vitest';
import { createRate } from './rate.ts';
import { eventsOf } from './sse.ts';

/** The text in pieces of this length, as a network may deliver it. */
function streamOf(text: string, length: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let i = 0; i < bytes.length; i += length) controller.enqueue(bytes.slice(i, i + length));
      controller.close();
    },
  });
}

test.each([1, 3, 7, 1000])('events are read whole from pieces of %d bytes', async (length) => {
  const text = [
    'retry: 2000\n\n',
    'id: 1\nevent: progress\ndata: {"step":"Lësen"}\n\n',
    ': still here\n\n',
    'id: 2\nevent: end\ndata: {"step":"Ended"}\n\n',
    'id: 3\nevent: cut',
  ].join('');
  const events: unknown[] = [];
  for await (const event of eventsOf(streamOf(text, length))) events.push(event);
  expect(events).toEqual([
    { event: 'progress', text: '{"step":"Lësen"}', id: '1' },
    { event: 'end', text: '{"step":"Ended"}', id: '2' },
  ]);
});

test('the rate is that of the last seconds of one step', () => {
  const rate = createRate();
  expect(rate('Reading', 0, 0)).toBeNull();
  expect(rate('Reading', 10, 100)).toBeNull();
  expect(rate('Reading', 1000, 1000)).toBe(1000);
  // Ten seconds later only what happened since counts.
  expect(rate('Reading', 1100, 11_000)).toBe(10);
  expect(rate('Copying', 5, 11_100)).toBeNull();
  expect(rate('Copying', 105, 12_100)).toBe(100);
});
