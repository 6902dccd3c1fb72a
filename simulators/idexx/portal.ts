/** How the simulated portal behaves when it is well: one switch for everything about the real one that is not certain. */
import type { Language } from './statuses.ts';
import type { TimeFormat } from './wall.ts';

export interface PortalVariant {
  /** The only handle by which the login fields can be found: their names, or one of the fallbacks. */
  loginFields: 'name' | 'placeholder' | 'type' | 'id' | 'text';
  /** Name of the company field; `none`: the form has no such field. Matters with `loginFields: 'name'`. */
  companyField: 'companyId' | 'company_id' | 'none';
  /** Name of the user field. Matters with `loginFields: 'name'`. */
  userField: 'username' | 'email';
  submitText: 'Login' | 'Sign In' | 'Continue';
  /** A hidden token in the login form without which the answer is 419. */
  loginToken: boolean;
  failureSign: 'error-message' | 'alert-danger' | 'role' | 'test-id';
  failureStatus: 200 | 401;
  sessionCookie: 'neo_session' | 'neo_auth';
  landing: '/schedule' | '/dashboard' | '/home';
  secondFactor: 'none' | 'code' | 'otp';
  /** Wrong passwords until the account is locked; null: never. */
  lockAfter: number | null;
  lockMinutes: number;
  idleMinutes: number;
  absoluteMinutes: number;
  /** A second login of an account ends its first session. */
  singleSession: boolean;
  /** What a call or page answers without a valid session: 200 with the login page, 302, 401 or 419. */
  expired: 'login-page' | 'redirect' | 'unauthorized' | 'page-expired';
  csrfCarrier: 'meta' | 'cookie' | 'input';
  /** Calls of one session at a time; one more has its connection cut. Null: no limit. */
  parallelCalls: number | null;

  calendarShape: 'detailed' | 'compact';
  calendarWrapper: 'none' | 'events' | 'appointments' | 'data' | 'results';
  /** Of the calendar. The two shapes were seen with `space` and `iso`; null: the usual one of the shape. */
  calendarTimes: TimeFormat | null;
  consultationTimes: TimeFormat;
  /** Whether an entry that began before the asked range is in the answer. */
  rangeRule: 'overlaps' | 'starts';
  /** A longer range is silently cut off after this many days. */
  maxRangeDays: number | null;
  /** Cancelled appointments keep their row, or vanish as deleted ones always do. */
  cancelled: 'stay' | 'vanish';
  language: Language;
  /** All occurrences of a recurring block have the id of the first. */
  sharedBlockIds: boolean;
  consultationsPerPage: number;
  /** A creation at a taken time is refused with `{"success":false}`. */
  refuseDoubleBooking: boolean;
}

export const DEFAULT_VARIANT: Readonly<PortalVariant> = {
  loginFields: 'name',
  companyField: 'companyId',
  userField: 'username',
  submitText: 'Login',
  loginToken: true,
  failureSign: 'error-message',
  failureStatus: 200,
  sessionCookie: 'neo_session',
  landing: '/schedule',
  secondFactor: 'none',
  lockAfter: 5,
  lockMinutes: 30,
  idleMinutes: 20,
  absoluteMinutes: 480,
  singleSession: false,
  expired: 'login-page',
  csrfCarrier: 'meta',
  parallelCalls: 2,
  calendarShape: 'detailed',
  calendarWrapper: 'none',
  calendarTimes: null,
  consultationTimes: 'dotted',
  rangeRule: 'overlaps',
  maxRangeDays: null,
  cancelled: 'stay',
  language: 'en',
  sharedBlockIds: false,
  consultationsPerPage: 20,
  refuseDoubleBooking: false,
};
