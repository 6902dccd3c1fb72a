import { expect, test } from 'vitest';
import { trustedLink } from './content.ts';

const VENDOR = new URL('https://api.au2.cliniko.com/v1');
const STAND_IN = new URL('http://127.0.0.1:8501/v1');
const HOSTS = ['files.example.com'];

test.each([
  'https://sample-bucket.s3.amazonaws.com/a.pdf?X-Amz-Signature=0',
  'https://sample.bucket.s3.ap-southeast-2.amazonaws.com/a.pdf',
  'https://sample-bucket.s3-ap-southeast-2.amazonaws.com/a.pdf',
  'https://s3.ap-southeast-2.amazonaws.com/sample-bucket/a.pdf',
  'https://s3.amazonaws.com/sample-bucket/a.pdf',
  'https://files.example.com/a.pdf',
  'https://files.au2.cliniko.com/a.pdf',
  '/v1/elsewhere/a.pdf',
])('%s is followed', (location) => {
  expect(trustedLink(location, VENDOR, HOSTS).href).toBe(new URL(location, VENDOR).href);
});

test.each([
  'http://sample-bucket.s3.amazonaws.com/a.pdf',
  'https://s3.amazonaws.com.elsewhere.example/a.pdf',
  'https://elsewhere.example/s3.amazonaws.com/a.pdf',
  'https://amazonaws.com/a.pdf',
  'https://xs3.amazonaws.com/a.pdf',
  'https://ec2-203-0-113-1.ap-southeast-2.compute.amazonaws.com/a.pdf',
  'https://example.com/a.pdf',
  'https://more.files.example.com/a.pdf',
  'https://cliniko.com.elsewhere.example/a.pdf',
  'https://evilcliniko.com/a.pdf',
  'https://user:word@sample-bucket.s3.amazonaws.com/a.pdf',
  'http://127.0.0.1/a.pdf',
  'https://127.0.0.1/a.pdf',
  'https://169.254.169.254/latest/meta-data',
  'https://[::1]/a.pdf',
  'file:///etc/passwd',
  'data:text/plain,x',
  '//elsewhere.example/a.pdf',
  'http://',
])('%s is refused, without a word of the link', (location) => {
  const refused = expect.objectContaining({ code: 'attachment_link_refused' });
  expect(() => trustedLink(location, VENDOR, HOSTS)).toThrow(refused);
  try {
    trustedLink(location, VENDOR, HOSTS);
  } catch (error) {
    expect((error as Error).message).not.toMatch(/\.pdf|passwd|word|Signature/);
  }
});

test('a stand-in keeps its files on its own host, and nowhere else', () => {
  expect(trustedLink('http://127.0.0.1:9999/a.pdf', STAND_IN, []).port).toBe('9999');
  for (const location of ['http://127.0.0.2:9999/a.pdf', 'http://localhost/a.pdf', 'http://192.168.0.9/a.pdf']) {
    expect(() => trustedLink(location, STAND_IN, [])).toThrow(
      expect.objectContaining({ code: 'attachment_link_refused' }),
    );
  }
});
