/** What is wrong with a configuration. All mistakes are collected, then reported together. */
export type Path = readonly (string | number)[];

export interface Mistake {
  /** `organizations[0].connections[1].settings.database`, or the name of an environment variable. */
  readonly path: string;
  /** `chartsync.yaml:12:15`, `environment`, or null. */
  readonly place: string | null;
  /** What is expected, or why this cannot be. Never the value itself unless it is one of a few known words. */
  readonly message: string;
}

/** Exit code 2. The message names every mistake. */
export class ConfigError extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    const lines = mistakes.map(({ path, place, message }) => {
      const where = [path, place && `(${place})`].filter(Boolean).join(' ');
      return `  ${where}\n    ${message}`;
    });
    const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
    super(`The configuration has ${count}:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** ` Did you mean "x"?` when one of the names is close enough, else an empty text. */
export function didYouMean(given: string, names: readonly string[]): string {
  let best: { name: string; distance: number } | null = null;
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && (best === null || distance < best.distance)) {
      best = { name, distance };
    }
  }
  return best ? ` Did you mean "${best.name}"?` : '';
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  // A key may be anything; only short ones are names that somebody mistyped.
  if (a.length > 60 || b.length > 60) return Number.POSITIVE_INFINITY;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1]!;
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
