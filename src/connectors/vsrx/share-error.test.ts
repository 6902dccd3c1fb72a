import { describe, expect, it } from 'vitest';
import { SyncError } from '../../domain/errors.ts';
import { toShareError } from './share-error.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: text with /a/secret/path`), { code, syscall: 'open', errno: -1 });
}

describe('share errors', () => {
  it.each([
    ['ENOENT', 'file_missing', 'skip'],
    ['ENOTDIR', 'file_missing', 'skip'],
    ['EACCES', 'file_unreadable', 'skip'],
    ['EPERM', 'file_unreadable', 'skip'],
    ['EIO', 'file_unreadable', 'skip'],
    ['EBUSY', 'file_unreadable', 'retry'],
    ['EMFILE', 'file_unreadable', 'retry'],
    ['ESTALE', 'share_unavailable', 'stop'],
    ['ENOTCONN', 'share_unavailable', 'stop'],
    ['EHOSTDOWN', 'share_unavailable', 'stop'],
    ['ETIMEDOUT', 'share_unavailable', 'stop'],
    ['ENXIO', 'file_not_regular', 'skip'],
    ['EISDIR', 'file_not_regular', 'skip'],
    ['ELOOP', 'file_path_refused', 'skip'],
    ['ENAMETOOLONG', 'file_path_refused', 'skip'],
    ['EOVERFLOW', 'file_unreadable', 'skip'],
  ])('%s is %s, %s', (code, expected, action) => {
    const error = toShareError(systemError(code));
    expect(error).toMatchObject({ code: expected, action });
    expect(error.message).toContain(code);
    expect(error.message).not.toContain('secret');
  });

  it('leaves our own errors alone and calls anything else unexpected', () => {
    const own = new SyncError('file_empty');
    expect(toShareError(own)).toBe(own);
    expect(toShareError(new TypeError('x')).code).toBe('unexpected');
    // An error of Node itself, which has a code but is no system error.
    expect(toShareError(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_VALUE' })).code).toBe('unexpected');
  });
});
