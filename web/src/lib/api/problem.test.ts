import { expect, test } from 'vitest';
import { asProblem, networkProblem, Problem, problemOf } from './problem.ts';

const answer = (status: number, headers: Record<string, string> = {}) => ({ status, headers: new Headers(headers) });
const refusal = (message: string, more = {}) => ({ details: { error_type: 'x', message, retry_after: null, ...more } });

test.each([
  [401, 'signed-out', 'The session is over. Sign in again.'],
  [403, 'forbidden', 'ours'],
  [404, 'missing', 'There is no such thing in this organisation, or not any more.'],
  [409, 'conflict', 'ours'],
  [500, 'failed', 'ours'],
  [503, 'failed', 'ours'],
])('an answer %d is "%s"', (status, kind, message) => {
  expect(problemOf(answer(status), refusal('ours'))).toMatchObject({ kind, message });
});

test('a refusal tells what to do and where to look it up', () => {
  const problem = problemOf(answer(409, { 'x-request-id': 'req_1' }), refusal('Paused.', { remedy: 'Resume it.' }));
  expect(problem).toMatchObject({ message: 'Paused.', remedy: 'Resume it.', requestId: 'req_1' });
});

test('who asked too often learns for how long', () => {
  expect(problemOf(answer(429), refusal('Slow', { retry_after: 12 })).message).toBe('Wait 12 seconds, then try again.');
  expect(problemOf(answer(429, { 'retry-after': '1' }), undefined).message).toBe('Wait 1 second, then try again.');
});

test('a proxy that finds nobody is as good as no network', () => {
  expect(problemOf(answer(502), '<html>').kind).toBe('offline');
  expect(asProblem(networkProblem()).kind).toBe('offline');
  expect(asProblem(new TypeError('x'))).toBeInstanceOf(Problem);
});
