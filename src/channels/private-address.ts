/** Which network addresses are not public: what listens there was not made for messages from here. */
import { BlockList, isIP, isIPv6 } from 'node:net';

const PRIVATE: readonly (readonly [address: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const family = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** @param allowed addresses and ranges that are fine although they are private */
export function createAddressGuard(allowed: readonly string[]): (address: string) => boolean {
  const blocked = new BlockList();
  for (const [address, bits] of PRIVATE) blocked.addSubnet(address, bits, family(address));
  const open = new BlockList();
  for (const range of allowed) {
    const [address = '', bits] = range.split('/');
    if (bits === undefined) open.addAddress(address, family(address));
    else open.addSubnet(address, Number(bits), family(address));
  }
  return (given) => {
    // IPv4 in IPv6 clothes is IPv4.
    const address = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(given)?.[1] ?? given.split('%')[0] ?? '';
    if (isIP(address) === 0) return false;
    return open.check(address, family(address)) || !blocked.check(address, family(address));
  };
}
