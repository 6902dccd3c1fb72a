import { describe, expect, it } from 'vitest';
import { createEhrDatabase } from './database.ts';
import { classifyMysqlError, classifyPostgresError } from './database-error.ts';

describe('createEhrDatabase', () => {
  it.each(['mysql:', 'mariadb:', 'postgres:', 'postgresql:'])('opens %s without connecting', async (scheme) => {
    const db = createEhrDatabase({ url: `${scheme}//reader:secret@127.0.0.1:1/vsrx`, mapping: 'vsrx' });
    await db.close();
  });

  it.each([
    ['oracle://reader:top-secret@host/vsrx', 'mysql://'],
    ['not a url top-secret', 'mysql://'],
    ['__proto__://reader:top-secret@host/vsrx', 'mysql://'],
    ['mysql://reader:top-secret@host', 'names no database'],
    ['mysql:///vsrx', 'must look like'],
    ['mysql://reader:top-secret@host/vsrx?multipleStatements=true', 'sslmode'],
    ['mysql://reader:top-secret@host/vsrx?sslmode=maybe', 'sslmode'],
  ])('refuses %s', (url, reason) => {
    const create = () => createEhrDatabase({ url, mapping: 'vsrx' });
    expect(create).toThrow(
      expect.objectContaining({ code: 'settings_invalid', detail: expect.stringContaining(reason) }),
    );
    expect(create).toThrow(expect.not.objectContaining({ message: expect.stringContaining('top-secret') }));
  });

  it('refuses a name that would be SQL', () => {
    const mapping = { preset: 'vsrx' as const, file: { path: 'file`, (SELECT 1) AS `x' } };
    for (const scheme of ['mysql', 'postgres']) {
      expect(() => createEhrDatabase({ url: `${scheme}://u:p@127.0.0.1/vsrx`, mapping })).toThrow(
        expect.objectContaining({ code: 'settings_invalid' }),
      );
    }
  });
});

describe('driver errors', () => {
  const mysql = (code: string, errno?: number) =>
    classifyMysqlError(Object.assign(new Error('secret'), { code, errno }));
  const postgres = (code: string) => classifyPostgresError(Object.assign(new Error('secret'), { code }));

  it.each([
    ['ER_ACCESS_DENIED_ERROR', 'source_credentials'],
    ['ER_TABLEACCESS_DENIED_ERROR', 'source_permission'],
    ['ER_NO_SUCH_TABLE', 'source_mapping'],
    ['ER_BAD_FIELD_ERROR', 'source_mapping'],
    ['ER_TABLE_DEF_CHANGED', 'source_changed_during_read'],
    ['ECONNREFUSED', 'source_unreachable'],
    ['ETIMEDOUT', 'source_unreachable'],
    ['PROTOCOL_CONNECTION_LOST', 'source_unreachable'],
    ['ER_QUERY_TIMEOUT', 'source_timeout'],
    ['ER_SYNTAX_ERROR', 'unexpected'],
  ])('MySQL %s is %s', (code, expected) => {
    expect(mysql(code).code).toBe(expected);
  });

  it('knows the codes that only MariaDB has', () => {
    expect(mysql('UNKNOWN_CODE_PLEASE_REPORT', 1969).code).toBe('source_timeout');
    expect(mysql('UNKNOWN_CODE_PLEASE_REPORT', 1927).code).toBe('source_unreachable');
  });

  it.each([
    ['28P01', 'source_credentials'],
    ['28000', 'source_credentials'],
    ['42501', 'source_permission'],
    ['42P01', 'source_mapping'],
    ['42703', 'source_mapping'],
    ['3D000', 'source_mapping'],
    ['08006', 'source_unreachable'],
    ['57P01', 'source_unreachable'],
    ['53300', 'source_unreachable'],
    ['57014', 'source_timeout'],
    ['40001', 'source_changed_during_read'],
    ['ECONNRESET', 'source_unreachable'],
    ['42601', 'unexpected'],
  ])('PostgreSQL %s is %s', (code, expected) => {
    expect(postgres(code).code).toBe(expected);
  });

  it('takes an error of the PostgreSQL driver without code for a lost connection, but not a fault of ours', () => {
    expect(classifyPostgresError(new Error('Connection terminated unexpectedly')).code).toBe('source_unreachable');
    expect(classifyPostgresError(new TypeError('x is not a function')).code).toBe('unexpected');
  });

  it('says what of the way to the server is wrong', () => {
    expect(mysql('ECONNREFUSED').detail).toBe('Nothing listens at its port.');
    expect(postgres('ENOTFOUND').detail).toBe('The name of its host is not known.');
    expect(mysql('DEPTH_ZERO_SELF_SIGNED_CERT').detail).toMatch(/TLS certificate is not one/);
    expect(mysql('ER_SERVER_SHUTDOWN').detail).toBeUndefined();
  });

  it('never repeats the text of the driver', () => {
    for (const error of [mysql('ER_SYNTAX_ERROR'), mysql('ER_NO_SUCH_TABLE'), postgres('42601'), postgres('42P01')]) {
      expect(error.message).not.toContain('secret');
    }
  });
});
