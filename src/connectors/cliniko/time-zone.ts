/** Time zones of a business: an IANA name, or one of the labels that Cliniko's settings offer. */

/** Labels of the countries that Cliniko has shards for. */
const LABELS: Readonly<Record<string, string>> = {
  Adelaide: 'Australia/Adelaide',
  Brisbane: 'Australia/Brisbane',
  Canberra: 'Australia/Sydney',
  Darwin: 'Australia/Darwin',
  Hobart: 'Australia/Hobart',
  Melbourne: 'Australia/Melbourne',
  Perth: 'Australia/Perth',
  Sydney: 'Australia/Sydney',
  Auckland: 'Pacific/Auckland',
  Wellington: 'Pacific/Auckland',
  London: 'Europe/London',
  Edinburgh: 'Europe/London',
  Dublin: 'Europe/Dublin',
  Amsterdam: 'Europe/Amsterdam',
  Berlin: 'Europe/Berlin',
  Brussels: 'Europe/Brussels',
  Copenhagen: 'Europe/Copenhagen',
  Lisbon: 'Europe/Lisbon',
  Madrid: 'Europe/Madrid',
  Paris: 'Europe/Paris',
  Rome: 'Europe/Rome',
  Stockholm: 'Europe/Stockholm',
  Vienna: 'Europe/Vienna',
  Hawaii: 'Pacific/Honolulu',
  Alaska: 'America/Juneau',
  Arizona: 'America/Phoenix',
  'Pacific Time (US & Canada)': 'America/Los_Angeles',
  'Mountain Time (US & Canada)': 'America/Denver',
  'Central Time (US & Canada)': 'America/Chicago',
  'Eastern Time (US & Canada)': 'America/New_York',
  'Atlantic Time (Canada)': 'America/Halifax',
  Saskatchewan: 'America/Regina',
  Newfoundland: 'America/St_Johns',
  Singapore: 'Asia/Singapore',
  'Hong Kong': 'Asia/Hong_Kong',
  UTC: 'Etc/UTC',
};

/** @returns an IANA zone that this machine knows, or null */
export function zoneOf(identifier: string | null, label: string | null): string | null {
  for (const name of [identifier, label === null ? null : (LABELS[label] ?? label)]) {
    if (name !== null && isZone(name)) return name;
  }
  return null;
}

const known = new Map<string, boolean>();

function isZone(name: string): boolean {
  let is = known.get(name);
  if (is === undefined) {
    try {
      is = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
    } catch {
      is = false;
    }
    known.set(name, is);
  }
  return is;
}
