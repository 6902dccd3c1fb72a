/** Accounts of the simulator: a world, its shard, and the keys that open it. */

import type { WorldOptions } from './deeds.ts';
import type { Faults } from './faults.ts';
import { Lists } from './lists.ts';
import { createRandom } from './random.ts';
import { createWorld, type World } from './world.ts';

export interface AccountOptions extends Omit<WorldOptions, 'now'> {
  readonly name?: string;
  readonly shard?: string;
  /** The part before the shard; invented from the seed when missing. */
  readonly keyBase?: string;
  /** Instead of a world made from the other options. */
  readonly world?: World;
}

export class Account {
  readonly id: string;
  readonly name: string;
  readonly world: World;
  readonly lists: Lists;
  #shard: string;
  /** Key without shard → user. */
  readonly #users = new Map<string, string>();
  readonly #seed: string;
  readonly #faults: Faults;

  constructor(options: AccountOptions, number: number, now: () => Date, faults: Faults) {
    this.#seed = `${options.seed ?? number}/${number}/keys`;
    this.id = String(1_000_000_000_000_000_000n + BigInt(number));
    this.name = options.name ?? `Sample practice ${number}`;
    this.world = options.world ?? createWorld({ ...options, seed: options.seed ?? number, now });
    this.#faults = faults;
    this.lists = new Lists(this.world, faults);
    this.#shard = options.shard ?? 'au1';
    this.#users.set(options.keyBase ?? this.#inventKey(), this.world.tables.users.rows[0]!.id);
  }

  get shard(): string {
    return this.#faults.movedToShard ?? this.#shard;
  }

  /** The first key that is still good, with the shard; of the administrator unless revoked. */
  get key(): string {
    const [base = 'revoked'] = this.#users.keys();
    return `${base}-${this.shard}`;
  }

  /** A further key; without a user it is the administrator's, who then has one rate limit for both. */
  addKey(userId = this.world.tables.users.rows[0]!.id): string {
    const base = this.#inventKey();
    this.#users.set(base, userId);
    return `${base}-${this.shard}`;
  }

  /** A key that somebody chose, without the shard; the administrator's. */
  adoptKey(base: string): void {
    this.#users.set(base, this.world.tables.users.rows[0]!.id);
  }

  revokeKey(key: string): void {
    this.#users.delete(this.#baseOf(key) ?? '');
  }

  /** As on request of a customer: the same records and keys, another suffix. The old suffix gets a 401. */
  moveTo(shard: string): void {
    this.#shard = shard;
  }

  /** @returns the user a key belongs to, with or without the suffix of this account's shard */
  userOf(key: string): string | null {
    return this.#users.get(this.#baseOf(key) ?? '') ?? null;
  }

  #baseOf(key: string): string | null {
    if (this.#users.has(key)) return key;
    const suffix = `-${this.shard}`;
    return key.endsWith(suffix) ? key.slice(0, -suffix.length) : null;
  }

  /** Base64 of an invented text, with a hyphen inside as real ones can have. */
  #inventKey(): string {
    const random = createRandom(`${this.#seed}/${this.#users.size}`);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const part = (length: number) => Array.from({ length }, () => random.pick([...letters])).join('');
    return `MS0${part(12)}-${part(12)}`;
  }
}

/** @returns the key of an `Authorization` header: the user name, with an empty password */
export function keyOf(header: string | undefined): string | null {
  const match = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(header ?? '');
  if (!match) return null;
  const text = Buffer.from(match[1]!, 'base64').toString();
  return text.endsWith(':') && text.length > 1 ? text.slice(0, -1) : null;
}
