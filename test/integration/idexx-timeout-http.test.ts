/** A run of a clinic's book that takes longer than its connection allows: whoever waits for it hears how it ended. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IdexxService, serveIdexx } from '../support/idexx-http.ts';
import { CLINIC_ID } from '../support/idexx-setup.ts';

const SYNC = '/api/idexx/schedule-sync';
let service: IdexxService;
beforeAll(async () => {
  service = await serveIdexx({ environment: { SYNC_TIMEOUT_MS: '1500' } });
});
afterAll(() => service?.close());

test('is 408 with the reason, and leaves nothing behind that runs', async () => {
  service.setup.portal.faults.slowMs = 1000;
  const asked = await service.documentedCall('POST', SYNC, SYNC, { body: { clinicId: CLINIC_ID } });
  expect(asked.status).toBe(408);
  expect(asked.body).toMatchObject({ success: false, details: { error_type: 'run_timeout' } });
  expect(asked.body.errors[0]).toContain('The run took longer than it may.');
  const status = await service.call('GET', `${SYNC}/status?clinicId=${CLINIC_ID}`);
  expect(status.body).toMatchObject({ activeSync: null, hasData: false, calendar: { state: 'unknown' } });
});
