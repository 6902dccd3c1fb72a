/** A week at a clinic: bookings, moves, cancellations, a change of the clock and three outages, without one wrong count. */
import { expect, test } from 'vitest';
import { noFaults } from '../../simulators/idexx/faults.ts';
import { live } from '../../simulators/idexx/life.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { setUpIdexx } from '../support/idexx-setup.ts';

const HOUR = 3600_000;
/** Hours after the beginning, and what breaks then. */
const OUTAGES = new Map([
  [24, { down: 'reset' as const }],
  [72, { downAfter: 6, downAs: 'maintenance' as const }],
  [108, { halfJson: true, paths: ['/appointments/getCalendarEventData'] }],
]);

test('is followed without one wrong or missing slot count', { timeout: 240_000 }, async () => {
  // In the night to 8 March 2026 an hour is left out.
  let now = Date.parse('2026-03-03T16:00:00Z');
  const setup = await setUpIdexx({ now: () => now, clinic: { seed: 12 } });
  try {
    await setup.run();
    await setup.expectBook();
    const random = createRandom(12);
    let removals = 0;
    for (let hours = 12; hours <= 168; hours += 12) {
      now += 12 * HOUR;
      live(setup.clinic, random, now);
      const outage = OUTAGES.get(hours);
      if (outage !== undefined) {
        Object.assign(setup.portal.faults, outage);
        const broken = await setup.run();
        expect(broken.outcome).not.toBe('success');
        expect(broken.counts.removed).toBe(0);
        Object.assign(setup.portal.faults, noFaults());
      }
      const result = await setup.run();
      expect(result, `after ${hours} hours`).toMatchObject({ state: 'completed', outcome: 'success' });
      expect(result.counts.held).toBe(0);
      removals += result.counts.removed;
      await setup.expectBook();
    }
    expect(removals).toBeGreaterThan(10);
  } finally {
    await setup.close();
  }
});
