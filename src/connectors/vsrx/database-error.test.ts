import { describe, expect, it } from 'vitest';
import { classifyMysqlError } from './database-error.ts';

describe('an error of the MySQL driver', () => {
  it('without a code is a lost connection when it ended the connection', () => {
    const closed = Object.assign(new Error("Can't add new command when connection is in closed state"), {
      fatal: true,
    });
    expect(classifyMysqlError(closed)).toMatchObject({ code: 'source_unreachable', cause: closed });
  });

  it('without a code is unexpected otherwise, and its text stays inside', () => {
    const odd = new Error('Zoe Sample');
    expect(classifyMysqlError(odd)).toMatchObject({ code: 'unexpected' });
    expect(classifyMysqlError(odd).message).not.toContain('Zoe');
  });
});
