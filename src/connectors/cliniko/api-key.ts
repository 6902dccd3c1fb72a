/** What a Cliniko API key says about itself. */

const SHARD = /^[a-z]{2}\d{1,2}$/i;
const FIRST_SHARD = 'au1';

/**
 * The shard is what follows the last hyphen; keys without one belong to the first shard. It ends in a host name, so the
 * pattern is also what keeps a key from sending us elsewhere.
 */
export function shardOf(apiKey: string): string {
  const end = apiKey.slice(apiKey.lastIndexOf('-') + 1);
  return apiKey.includes('-') && SHARD.test(end) ? end.toLowerCase() : FIRST_SHARD;
}

export function vendorUrl(apiKey: string): string {
  return `https://api.${shardOf(apiKey)}.cliniko.com/v1`;
}

/** Basic authentication: the key is the user, the password is empty. */
export function authorizationOf(apiKey: string): string {
  return `Basic ${Buffer.from(`${apiKey}:`).toString('base64')}`;
}
