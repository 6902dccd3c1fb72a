/** An IDEXX Neo connection of the file, completed by defaults. */

import type { ClinikoDefaults } from './cliniko.ts';
import type { IdexxConnectionConfig } from './config.ts';
import type { Path } from './mistake.ts';
import { parseDuration } from './quantity.ts';
import { type IdexxConnectionFile, WEEKDAYS } from './schema.ts';

export interface IdexxDefaults extends ClinikoDefaults {
  readonly requestsPerSecond: number;
}

const MINUTE = 60_000;
const DEFAULT_TIMEOUT = '30s';
const DEFAULT_STALE = '60m';
const DEFAULT_ALARM = '4h';
const DAYS_BACK = 7;
const MAX_AGE = '30m';

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;
const VENDOR = /(^|\.)(idexxneo\.com|idexxneocloud\.com|neo\.vet|neosuite\.com)$/;

/** @returns null when something is missing or not allowed, which `mistake` has been told */
export function resolveIdexx(
  connection: Omit<IdexxConnectionFile, 'schedule' | 'timeout' | 'pauseAfterFailures'>,
  defaults: IdexxDefaults,
  mistake: (path: Path, message: string) => void,
): IdexxConnectionConfig | null {
  const settings = connection.settings ?? {};
  const { portalUrl, clinicId } = settings;
  const timeZone = settings.timeZone ?? defaults.organizationTimeZone;
  const missing = (name: string, expected: string) => mistake(['settings', name], `is missing: expected ${expected}`);
  if (portalUrl === undefined) missing('portalUrl', 'the address of the portal, such as https://us.idexxneo.com');
  if (clinicId === undefined) missing('clinicId', 'the UUID under which other applications know the clinic');
  if (timeZone === null) missing('timeZone', 'the zone of the clinic: the times of the portal have none');
  const url = portalUrl === undefined ? null : new URL(portalUrl);
  const isVendor = url !== null && VENDOR.test(url.hostname) && url.protocol === 'https:';
  const isOwn = url !== null && LOOPBACK.test(url.hostname);
  if (url !== null && !isVendor && !isOwn && !defaults.allowPrivate) {
    mistake(
      ['settings', 'portalUrl'],
      'is neither an address of IDEXX Neo nor of this machine; the password would go there. Set CHARTSYNC_ALLOW_PRIVATE_SOURCES=1 if that is meant',
    );
    return null;
  }
  const isBackwards = (settings.breaks ?? []).findIndex((pause) => pause.from >= pause.to);
  if (isBackwards >= 0) mistake(['settings', 'breaks', isBackwards, 'to'], 'is not after "from"');
  if (url === null || clinicId === undefined || timeZone === null || isBackwards >= 0) return null;
  const minutes = (text: string) => Math.ceil((parseDuration(text) ?? MINUTE) / MINUTE);
  return {
    organizationId: defaults.organizationId,
    id: connection.id,
    connector: 'idexx',
    schedule: defaults.schedule,
    timeZone,
    timeoutMs: defaults.timeoutMs,
    pauseAfterFailures: defaults.pauseAfterFailures,
    settings: {
      portalUrl: url.origin,
      clinicId,
      timeZone,
      timeoutMs: parseDuration(settings.timeout ?? DEFAULT_TIMEOUT) ?? 0,
      requestsPerSecond: defaults.requestsPerSecond,
      clinicMaxAgeMs: settings.settingsMaxAge === 'none' ? 0 : (parseDuration(settings.settingsMaxAge ?? MAX_AGE) ?? 0),
      daysAhead: settings.daysAhead ?? 14,
      staleAfterMinutes: minutes(settings.staleAfter ?? DEFAULT_STALE),
      alarmAfterMinutes: minutes(settings.alarmAfter ?? DEFAULT_ALARM),
      slotMinutes: settings.slotMinutes ?? null,
      capacity: settings.capacity ?? null,
      rooms: settings.rooms ?? null,
      breaks:
        settings.breaks?.map(({ name, from, to, on }) => ({
          name,
          from,
          to,
          days: on.map((day) => (WEEKDAYS.indexOf(day) + 1) % 7),
        })) ?? null,
      moveHolds: settings.moveHolds ?? false,
      believeEmpty: settings.emptyCalendar === 'believed',
      consultationDaysBack: settings.consultations?.daysBack ?? DAYS_BACK,
      consultationsEveryMs: settings.consultations === undefined ? null : parseDuration(settings.consultations.every),
    },
    credentials: connection.credentials ?? null,
  };
}
