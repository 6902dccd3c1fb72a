/** So many requests of a user in a window; the headers of the 429 are a switch. */
import type { Faults } from './faults.ts';
import type { Seconds } from './time.ts';

export interface RateLimitOptions {
  requests: number;
  windowSeconds: number;
}

export class RateLimit {
  /** Null: no limit. */
  options: RateLimitOptions | null;
  readonly #used = new Map<string, { window: number; count: number }>();

  constructor(options: RateLimitOptions | null) {
    this.options = options;
  }

  /** @returns false when the request is one too many */
  take(user: string, now: Seconds): boolean {
    if (!this.options) return true;
    const window = Math.floor(now / this.options.windowSeconds);
    const used = this.#used.get(user);
    if (used?.window !== window) {
      this.#used.set(user, { window, count: 1 });
      return this.options.requests > 0;
    }
    return ++used.count <= this.options.requests;
  }

  headers(now: Seconds, kind: Faults['rateLimitHeader']): Record<string, string> {
    const length = this.options?.windowSeconds ?? 60;
    const reset = (Math.floor(now / length) + 1) * length;
    switch (kind) {
      case 'reset':
        return { 'X-RateLimit-Reset': String(reset) };
      case 'retry-after':
        return { 'Retry-After': String(reset - now) };
      case 'both':
        return { 'X-RateLimit-Reset': String(reset), 'Retry-After': String(reset - now) };
      case 'past':
        return { 'X-RateLimit-Reset': String(now - 30) };
      case 'huge':
        return { 'X-RateLimit-Reset': String(now + 86_400) };
      case 'none':
        return {};
    }
  }
}
