/** A process and all that it has started, on Linux: which they are, and how much memory they take together. */
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const LOOK_EVERY_MS = 500;

/** Ids of the process and of its descendants that live. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = read(`/proc/${name}/stat`);
    // The name in brackets may hold blanks.
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (text === '' || state === 'Z') continue;
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
  }
  const found: number[] = [root];
  for (const id of found) found.push(...(children.get(id) ?? []));
  return found;
}

/** What a tree takes: memory that several of its processes share counts once. Aside, because a browser's maps take long to read. */
async function memoryOf(ids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const id of ids) {
    const text = await readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => '');
    sum += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  }
  return sum;
}

/** Looks again and again. @returns stops and tells the most that was seen, in bytes */
export function watchTree(root: number): { stop(): Promise<number> } {
  let peak = 0;
  const ended = new AbortController();
  const look = async () => {
    peak = Math.max(peak, await memoryOf(treeOf(root)));
  };
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await look();
      await setTimeout(LOOK_EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      ended.abort();
      await watching;
      await look();
      return peak;
    },
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
