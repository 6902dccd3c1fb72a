/** A Cliniko connection of the file, completed by defaults. */
import type { Schedule } from '../domain/schedule.ts';
import type { ClinikoConnectionConfig } from './config.ts';
import type { Path } from './mistake.ts';
import { parseDuration, parseTimeOfDay } from './quantity.ts';
import type { ClinikoConnectionFile } from './schema.ts';

export interface ClinikoDefaults {
  readonly organizationId: string;
  /** Null: the file names none. */
  readonly organizationTimeZone: string | null;
  readonly schedule: Schedule | null;
  readonly timeoutMs: number | null;
  readonly pauseAfterFailures: number | null;
  /** Sources at addresses other than the vendor's. */
  readonly allowPrivate: boolean;
}

/** What the vendor promises to each user. */
const REQUESTS_PER_MINUTE = 200;
const DEFAULT_TIMEOUT = '30s';
const DEFAULT_COMPARE = '02:00';

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;
const VENDOR = /^api\.[a-z]{2}\d{1,2}\.cliniko\.com$/;

/** @returns null when something is missing or not allowed, which `mistake` has been told */
export function resolveCliniko(
  connection: Omit<ClinikoConnectionFile, 'schedule' | 'timeout' | 'pauseAfterFailures'>,
  defaults: ClinikoDefaults,
  mistake: (path: Path, message: string) => void,
): ClinikoConnectionConfig | null {
  const settings = connection.settings ?? {};
  const { contactEmail } = settings;
  if (contactEmail === undefined) {
    mistake(['settings', 'contactEmail'], 'is missing: expected an e-mail address that Cliniko can write to');
  }
  const url = settings.baseUrl === undefined ? null : new URL(settings.baseUrl);
  const isVendor = url === null || (VENDOR.test(url.hostname) && url.protocol === 'https:');
  let allowed = true;
  if (url !== null && !isVendor && !LOOPBACK.test(url.hostname) && !defaults.allowPrivate) {
    allowed = false;
    mistake(
      ['settings', 'baseUrl'],
      'is neither an address of Cliniko nor of this machine; the API key would go there. Set CHARTSYNC_ALLOW_PRIVATE_SOURCES=1 if that is meant',
    );
  }
  const { requestsPerMinute = REQUESTS_PER_MINUTE } = settings;
  if (requestsPerMinute === 'unlimited' && isVendor) {
    allowed = false;
    mistake(['settings', 'requestsPerMinute'], 'unlimited is for stand-ins; Cliniko allows 200 in a minute');
  }
  if (contactEmail === undefined || !allowed) return null;
  const compareAt = settings.fullCompareAt ?? DEFAULT_COMPARE;
  return {
    organizationId: defaults.organizationId,
    id: connection.id,
    connector: 'cliniko',
    schedule: defaults.schedule,
    timeZone: defaults.organizationTimeZone ?? 'UTC',
    timeoutMs: defaults.timeoutMs,
    pauseAfterFailures: defaults.pauseAfterFailures,
    settings: {
      baseUrl: url === null ? null : url.href.replace(/\/+$/, ''),
      contactEmail,
      requestsPerMinute: requestsPerMinute === 'unlimited' ? null : requestsPerMinute,
      timeoutMs: parseDuration(settings.timeout ?? DEFAULT_TIMEOUT) ?? 0,
      fullCompareAt: compareAt === 'never' ? null : parseTimeOfDay(compareAt),
      notes: settings.notes ?? false,
      unavailableBlocks: settings.unavailableBlocks ?? true,
      attachments: settings.attachments ?? false,
      attachmentHosts: settings.attachmentHosts ?? [],
    },
    credentials: connection.credentials ?? null,
  };
}
