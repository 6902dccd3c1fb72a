/**
 * Where chains of merged patients end.
 *
 * @param into merged patient → the one that it was merged into
 * @returns merged patient → the one at the end of its chain. Who leads into a circle is left out: that is nobody's end
 */
export function endsOfChains(into: ReadonlyMap<string, string>): Map<string, string> {
  const ends = new Map<string, string>();
  for (const patient of into.keys()) {
    const passed = new Set([patient]);
    let end = into.get(patient);
    for (let next = end; next !== undefined && !passed.has(next); next = into.get(next)) {
      passed.add(next);
      end = next;
    }
    if (end !== undefined && !into.has(end)) ends.set(patient, end);
  }
  return ends;
}
