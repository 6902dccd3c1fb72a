/** A process and all that it has started, on Linux: which they are, and how much memory they take together. */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 100;

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

/** What a tree takes: memory that several of its processes share counts once. */
function memoryOf(ids: readonly number[]): number {
  return ids
    .map((id) => Number(/^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${id}/smaps_rollup`))?.[1] ?? 0) * 1024)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Looks again and again. @returns stops and tells the most that was seen, in bytes */
export function watchTree(root: number): { stop(): number } {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, memoryOf(treeOf(root)));
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    stop() {
      look();
      clearInterval(timer);
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
