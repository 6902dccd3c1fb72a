/** How fast a run goes, over its last seconds. */
const WINDOW_MS = 10_000;

/** @returns tells items per second after each sight of the run; null while two sights are too close or the step is new */
export function createRate(): (step: string, items: number, at: number) => number | null {
  let seen: { items: number; at: number }[] = [];
  let current = '';
  return (step, items, at) => {
    // Each step counts its own items from nought.
    if (step !== current || items < (seen.at(-1)?.items ?? 0)) seen = [];
    current = step;
    seen.push({ items, at });
    seen = seen.filter((sight) => at - sight.at <= WINDOW_MS);
    const [first] = seen;
    if (first === undefined || at - first.at < 500) return null;
    return Math.round((items - first.items) / ((at - first.at) / 1000));
  };
}
