/** A map that tells of its changes, so that rules can look at each of them. */
export class WatchedMap<K, V> extends Map<K, V> {
  onSet: ((before: V | undefined, after: V, key: K) => void) | null = null;
  onDelete: ((key: K) => void) | null = null;

  override set(key: K, value: V): this {
    const before = this.get(key);
    super.set(key, value);
    this.onSet?.(before, value, key);
    return this;
  }

  override delete(key: K): boolean {
    const had = super.delete(key);
    if (had) this.onDelete?.(key);
    return had;
  }

  /** Goes without anybody having asked for it. */
  lose(key: K): void {
    super.delete(key);
  }
}
