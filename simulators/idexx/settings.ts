/** Which values the switches take: for people who set them over the control door. */
import type { Faults } from './faults.ts';
import type { PortalVariant } from './portal.ts';

type Check = (value: unknown) => boolean;

const isDay: Check = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPositive: Check = (value) => isCount(value) && value !== 0;
const isBoolean: Check = (value) => typeof value === 'boolean';
const isText: Check = (value) => typeof value === 'string';
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);

export const FAULT_CHECKS: Readonly<Record<keyof Faults, Check>> = {
  paths: orNull(listOf(isText)),
  remaining: orNull(isCount),
  slowMs: isCount,
  reset: isBoolean,
  serverError: oneOf(null, 500, 502, 503),
  tooManyRequests: orNull(
    (value) => isObject(value) && 'retryAfterSeconds' in value && orNull(isCount)(value.retryAfterSeconds),
  ),
  html: isBoolean,
  halfJson: isBoolean,
  down: oneOf(null, 'reset', 'maintenance'),
  downAfter: orNull(isCount),
  downAs: oneOf('reset', 'maintenance'),
  loseSessionEvery: orNull(isPositive),
  onlyPages: oneOf(null, 'forbidden', 'html'),
  loseWriteAnswers: isBoolean,
  emptyCalendar: isBoolean,
  emptyDates: listOf(isDay),
  visitlessDates: listOf(isDay),
  failDates: (value) => isObject(value) && Object.keys(value).every(isDay) && Object.values(value).every(isCount),
  failDatesWith: oneOf('error', 'reset', 'html', 'empty'),
  moves: listOf(
    (value) =>
      isObject(value) &&
      'after' in value &&
      isDay(value.after) &&
      'id' in value &&
      isText(value.id) &&
      'to' in value &&
      isDay(value.to),
  ),
  wrongTimes: oneOf(null, 'invalid', 'shifted', 'reversed'),
  repeatIds: isBoolean,
  outsideWindow: isBoolean,
  changedShape: oneOf(null, 'fields', 'wrapper'),
  consultationPages: oneOf(null, 'short', 'same', 'growing', 'hidden', 'renamed'),
};

export const VARIANT_CHECKS: Readonly<Record<keyof PortalVariant, Check>> = {
  loginFields: oneOf('name', 'placeholder', 'type', 'id', 'text'),
  companyField: oneOf('companyId', 'company_id', 'none'),
  userField: oneOf('username', 'email'),
  submitText: oneOf('Login', 'Sign In', 'Continue'),
  loginToken: isBoolean,
  failureSign: oneOf('error-message', 'alert-danger', 'role', 'test-id'),
  failureStatus: oneOf(200, 401),
  sessionCookie: oneOf('neo_session', 'neo_auth'),
  landing: oneOf('/schedule', '/dashboard', '/home'),
  secondFactor: oneOf('none', 'code', 'otp'),
  lockAfter: orNull(isPositive),
  lockMinutes: isCount,
  idleMinutes: isCount,
  absoluteMinutes: isCount,
  singleSession: isBoolean,
  expired: oneOf('login-page', 'redirect', 'unauthorized', 'page-expired'),
  csrfCarrier: oneOf('meta', 'cookie', 'input'),
  parallelCalls: orNull(isPositive),
  calendarShape: oneOf('detailed', 'compact'),
  calendarWrapper: oneOf('none', 'events', 'appointments', 'data', 'results'),
  calendarTimes: oneOf(null, 'space', 'iso', 'dotted'),
  consultationTimes: oneOf('space', 'iso', 'dotted'),
  rangeRule: oneOf('overlaps', 'starts'),
  maxRangeDays: orNull(isPositive),
  cancelled: oneOf('stay', 'vanish'),
  language: oneOf('en', 'de'),
  sharedBlockIds: isBoolean,
  consultationsPerPage: isPositive,
  refuseDoubleBooking: isBoolean,
};

/** What is wrong with these changes; null when nothing is. */
export function problemWith(changes: unknown, checks: Readonly<Record<string, Check>>): string | null {
  if (!isObject(changes)) return 'an object is needed';
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(checks, name)) return `${name} is no switch`;
    if (!checks[name]!(value)) return `${name} does not take ${JSON.stringify(value)}`;
  }
  return null;
}
