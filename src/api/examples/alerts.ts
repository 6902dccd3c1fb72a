/** Examples: alerts. */
import { CONNECTION, type Examples, NOW } from './practice.ts';

const ALERT = 'alert_4b8e2f60-7d13-4c9a-8e05-91f6a3d72c48';

const body = {
  name: 'Front desk, VSRX fails',
  kind: 'connection_failing',
  connection_id: CONNECTION,
  threshold: 3,
  remind_minutes: 240,
  target: { channel: 'webhook', url: 'https://hooks.riverside.example/chartsync' },
};
const alert = {
  ...body,
  id: ALERT,
  enabled: true,
  updated_at: NOW,
  updated_by: 'administrator administrator',
  problems: [
    { connection_id: CONNECTION, since: NOW, told_at: NOW, code: 'source_unreachable', count: 3, run_id: null },
  ],
  last_delivery: { event: 'problem', state: 'sent', at: NOW, attempts: 1, code: null, detail: null },
};
/** Of nobody: the bytes say "example". */
const secret = 'whsec_ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZQ==';

export const ALERT_EXAMPLES: Examples = {
  alerts: { answers: { 200: { alerts: [alert], mail: true } } },
  createAlert: { body, answers: { 201: { alert: { ...alert, problems: [], last_delivery: null }, secret } } },
  changeAlert: {
    body: { ...body, enabled: false },
    answers: { 200: { alert: { ...alert, enabled: false }, secret: null } },
  },
  renewAlertSecret: { answers: { 200: { alert, secret } } },
  removeAlert: { answers: { 200: { id: ALERT } } },
  testAlert: {
    answers: {
      200: {
        delivered: false,
        duration_ms: 132,
        code: 'alert_not_accepted',
        message: 'The other side did not accept the message of an alert. It answered with the status 500.',
        remedy: 'Look at what it answered, correct the address, the secret or the mail account, then send a test.',
      },
    },
  },
};
