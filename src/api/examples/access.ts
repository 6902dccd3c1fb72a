/** Examples: keys, the audit log, the state of the process. */
import { CONNECTION, type Examples, KEY, NEXT_KEY, NOW, ORGANIZATION, RUN } from './practice.ts';

const key = {
  id: KEY,
  name: 'front desk',
  scopes: ['sync:read', 'sync:run', 'documents:read', 'held:decide'],
  state: 'active',
  created_at: '2026-03-02T08:30:00.000Z',
  created_by: 'administrator:administrator',
  expires_at: '2027-03-02T08:30:00.000Z',
  last_used_at: '2026-03-03T09:00:00.000Z',
  revoked_at: null,
  rotated_to: null,
};
const unused = { last_used_at: null };
const secretOf = (id: string) => `cs_${id}_${'EXAMPLE-'.repeat(5)}KEY`;

const check = (name: string, message = 'It answers.') => ({ name, status: 'pass', message });
const healthy = {
  status: 'healthy',
  service: 'chartsync',
  version: '1.0.0',
  timestamp: NOW,
  uptime_seconds: 86400,
  checks: [
    check('process'),
    check('memory', '62 MB of JavaScript objects.'),
    check('database'),
    check('sync_queue', '0 runs wait.'),
  ],
};

const session = {
  kind: 'key',
  id: KEY,
  role: 'operator',
  scopes: key.scopes,
  organizations: [{ id: ORGANIZATION, name: 'Riverside Clinic', time_zone: 'Australia/Sydney' }],
  csrf_token: 'EXAMPLE-TOKEN-EXAMPLE-TOKEN-EXAMPLE-TOKEN-E',
  expires_at: '2026-03-03T21:05:00.000Z',
};

export const ACCESS_EXAMPLES: Examples = {
  signIn: { body: { key: secretOf(KEY) }, answers: { 201: session } },
  session: { answers: { 200: session } },
  signInProviders: { answers: { 200: { providers: [{ id: '1', name: 'Riverside staff' }] } } },
  listUsers: {
    answers: {
      200: {
        users: [
          {
            issuer: 'https://login.example.org/realms/clinic',
            subject: '4f1c9b7e-user',
            role: 'viewer',
            scopes: ['sync:read'],
            first_at: '2026-02-16T22:10:00.000Z',
            last_at: NOW,
          },
        ],
      },
    },
  },
  signOut: { answers: { 200: { message: 'Signed out' } } },
  listKeys: { answers: { 200: { keys: [key] } } },
  createKey: {
    body: { name: 'front desk', role: 'operator', expires_in_days: 365 },
    answers: { 201: { key: { ...key, ...unused }, secret: secretOf(KEY) } },
  },
  rotateKey: {
    body: { overlap_hours: 24 },
    answers: {
      201: {
        key: { ...key, ...unused, id: NEXT_KEY, created_at: NOW, expires_at: '2027-03-03T09:05:00.000Z' },
        secret: secretOf(NEXT_KEY),
      },
    },
  },
  revokeKey: { answers: { 200: { key: { ...key, state: 'revoked', revoked_at: NOW } } } },
  audit: {
    answers: {
      200: {
        entries: [
          {
            id: 812,
            at: '2026-03-03T09:00:00.000Z',
            actor: { kind: 'key', id: KEY },
            action: 'sync.start',
            subject: { kind: 'connection', id: CONNECTION },
            result: 'ok',
            request_id: 'req_0e7b52c4-9d16-4a38-8f0b-53c2a1d7e694',
            details: { run: RUN, mode: 'quick' },
            hash: '9f2c41d07be85a36c0f4e7192d8b6a53f1e09c7482ad365b1e70c94f28d6a3b5',
          },
        ],
      },
    },
  },
  verifyAudit: {
    answers: {
      200: {
        intact: true,
        checked_at: NOW,
        entries: 812,
        end: { id: 812, hash: '9f2c41d07be85a36c0f4e7192d8b6a53f1e09c7482ad365b1e70c94f28d6a3b5' },
        problems: [],
      },
    },
  },
  health: {
    answers: {
      200: healthy,
      503: {
        ...healthy,
        status: 'unhealthy',
        checks: [
          check('process'),
          check('memory', '62 MB of JavaScript objects.'),
          { name: 'database', status: 'fail', message: 'It does not answer.' },
        ],
      },
    },
  },
  ready: {
    answers: {
      200: { ready: true, status: 'ready', database: 'ok', timestamp: NOW },
      503: {
        ready: false,
        status: 'not ready',
        database: 'unavailable',
        message: 'The record database does not answer.',
        timestamp: NOW,
      },
    },
  },
};
