/** Adds up how long requests to outside systems are told to wait. */
import type { OutboundLimit } from '../ports/outbound-limit.ts';

export function countWaits(limit: OutboundLimit): OutboundLimit & { waitedMs(): number } {
  let waited = 0;
  return {
    async take(key, rule, urgent) {
      const wait = await limit.take(key, rule, urgent);
      waited += wait;
      return wait;
    },
    block: (key, ms) => limit.block(key, ms),
    waitedMs: () => waited,
  };
}
