/** What the errors of the database drivers mean, decided by code. */
import { type ErrorCode, SyncError } from '../../domain/errors.ts';

const NETWORK: Record<string, ErrorCode> = Object.fromEntries(
  [
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EAI_FAIL',
    'EHOSTUNREACH',
    'EHOSTDOWN',
    'ENETUNREACH',
    'ENETDOWN',
    'EADDRNOTAVAIL',
    'ENOENT',
    // TLS: there is a server, but not one that we may talk to.
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ].map((code) => [code, 'source_unreachable']),
);

const MYSQL: Record<string, ErrorCode> = {
  ER_ACCESS_DENIED_ERROR: 'source_credentials',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'source_credentials',
  ER_MUST_CHANGE_PASSWORD: 'source_credentials',
  ER_MUST_CHANGE_PASSWORD_LOGIN: 'source_credentials',
  ER_ACCOUNT_HAS_BEEN_LOCKED: 'source_credentials',
  ER_HOST_NOT_PRIVILEGED: 'source_credentials',
  AUTH_SWITCH_PLUGIN_ERROR: 'source_credentials',
  ER_DBACCESS_DENIED_ERROR: 'source_permission',
  ER_TABLEACCESS_DENIED_ERROR: 'source_permission',
  ER_COLUMNACCESS_DENIED_ERROR: 'source_permission',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'source_permission',
  ER_BAD_DB_ERROR: 'source_mapping',
  ER_NO_DB_ERROR: 'source_mapping',
  ER_NO_SUCH_TABLE: 'source_mapping',
  ER_BAD_TABLE_ERROR: 'source_mapping',
  ER_BAD_FIELD_ERROR: 'source_mapping',
  ER_VIEW_INVALID: 'source_mapping',
  ER_TABLE_DEF_CHANGED: 'source_changed_during_read',
  ER_LOCK_WAIT_TIMEOUT: 'source_timeout',
  ER_LOCK_DEADLOCK: 'source_timeout',
  ER_QUERY_TIMEOUT: 'source_timeout',
  ER_STATEMENT_TIMEOUT: 'source_timeout',
  ER_QUERY_INTERRUPTED: 'source_timeout',
  ER_CON_COUNT_ERROR: 'source_unreachable',
  ER_TOO_MANY_USER_CONNECTIONS: 'source_unreachable',
  ER_USER_LIMIT_REACHED: 'source_unreachable',
  ER_HOST_IS_BLOCKED: 'source_unreachable',
  ER_SERVER_SHUTDOWN: 'source_unreachable',
  ER_CONNECTION_KILLED: 'source_unreachable',
  ER_CLIENT_INTERACTION_TIMEOUT: 'source_unreachable',
  ER_NET_READ_ERROR: 'source_unreachable',
  ER_NET_READ_INTERRUPTED: 'source_unreachable',
  ER_NET_ERROR_ON_WRITE: 'source_unreachable',
  ER_NET_WRITE_INTERRUPTED: 'source_unreachable',
  PROTOCOL_CONNECTION_LOST: 'source_unreachable',
  PROTOCOL_SEQUENCE_TIMEOUT: 'source_timeout',
  HANDSHAKE_NO_SSL_SUPPORT: 'source_unreachable',
  HANDSHAKE_SSL_ERROR: 'source_unreachable',
};

/** By number, where the driver knows no name: MariaDB's own codes. */
const MARIADB: Record<number, ErrorCode> = {
  1927: 'source_unreachable',
  1969: 'source_timeout',
  4151: 'source_credentials',
};

/** By SQLSTATE; two characters stand for their whole class. */
const POSTGRES: Record<string, ErrorCode> = {
  '08': 'source_unreachable',
  '28': 'source_credentials',
  '3D000': 'source_mapping',
  '3F000': 'source_mapping',
  '42P01': 'source_mapping',
  '42703': 'source_mapping',
  // The two columns of a join have types that cannot be compared.
  '42883': 'source_mapping',
  '42501': 'source_permission',
  '0A000': 'source_changed_during_read',
  // A replica that had to undo our snapshot; the next read starts from a new one.
  '40001': 'source_changed_during_read',
  '40P01': 'source_timeout',
  '55P03': 'source_timeout',
  '57014': 'source_timeout',
  '25P03': 'source_timeout',
  '53': 'source_unreachable',
  '57': 'source_unreachable',
};

const NO_SUCH_HOST = 'The name of its host is not known.';
const NO_TRUST = 'Its TLS certificate is not one that this machine trusts.';

const DETAILS: Record<string, string> = {
  ECONNREFUSED: 'Nothing listens at its port.',
  ENOTFOUND: NO_SUCH_HOST,
  EAI_AGAIN: NO_SUCH_HOST,
  DEPTH_ZERO_SELF_SIGNED_CERT: NO_TRUST,
  SELF_SIGNED_CERT_IN_CHAIN: NO_TRUST,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_TRUST,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_TRUST,
  CERT_HAS_EXPIRED: 'Its TLS certificate has expired.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its TLS certificate is for another host.',
  HANDSHAKE_NO_SSL_SUPPORT: 'It does not offer TLS, which the URL asks for.',
  ER_BAD_DB_ERROR: 'The database that the URL names does not exist.',
  ER_NO_DB_ERROR: 'The URL names no database.',
  '3D000': 'The database that the URL names does not exist.',
  '42883': 'Two columns that the join path compares have different types.',
};

interface DriverError {
  readonly code?: unknown;
  readonly fatal?: unknown;
  readonly errno?: unknown;
}

export function classifyMysqlError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { code, errno, fatal } = (error ?? {}) as DriverError;
  // A statement for a connection that was lost a moment before: "closed state", without a code.
  if (code === undefined && fatal === true) return result('source_unreachable', '', error);
  const name = typeof code === 'string' ? code : '';
  const number = typeof errno === 'number' ? errno : 0;
  return result(MYSQL[name] ?? MARIADB[number] ?? NETWORK[name], name, error);
}

export function classifyPostgresError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { code } = (error ?? {}) as DriverError;
  // The driver reports a lost connection and a connection that did not come in time by plain errors without a code.
  if (code === undefined && error instanceof Error && Object.getPrototypeOf(error) === Error.prototype) {
    return result('source_unreachable', '', error);
  }
  const state = typeof code === 'string' ? code : '';
  return result(POSTGRES[state] ?? NETWORK[state] ?? POSTGRES[state.slice(0, 2)], state, error);
}

function result(code: ErrorCode | undefined, driverCode: string, cause: unknown): SyncError {
  const detail = DETAILS[driverCode] ?? (code === undefined && driverCode ? `Driver code ${driverCode}.` : undefined);
  return new SyncError(code ?? 'unexpected', { cause, ...(detail ? { detail } : {}) });
}
