import { expect, test } from 'vitest';
import { createAddressGuard } from './private-address.ts';

const guard = createAddressGuard([]);

test.each([
  '127.0.0.1',
  '127.1.2.3',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fd00::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'nobody',
])('%s is not public', (address) => {
  expect(guard(address)).toBe(false);
});

test.each(['8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
  expect(guard(address)).toBe(true);
});

test('what is allowed is allowed, and nothing beside it', () => {
  const own = createAddressGuard(['10.1.0.0/16', '::1']);
  expect(['10.1.2.3', '::1', '10.2.0.1', '127.0.0.1'].map(own)).toEqual([true, true, false, false]);
});
