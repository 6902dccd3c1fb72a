/** What `startIdexx` takes and gives. */
import type { Faults } from './faults.ts';
import type { PortalVariant } from './portal.ts';
import type { Sessions } from './sessions.ts';
import type { Clinic } from './world.ts';

export interface Latency {
  loginMs: number;
  /** Of the page with the form; default: as other pages. */
  loginPageMs?: number;
  pageMs: number;
  callMs: number;
}

/** About what a person sees of the real portal. */
export const REAL_LATENCY: Readonly<Latency> = { loginMs: 1800, pageMs: 900, callMs: 350 };

export interface IdexxOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** Default: one, of `createClinic`. */
  readonly clinics?: Clinic[];
  readonly faults?: Partial<Faults>;
  readonly variant?: Partial<PortalVariant>;
  /** Default: none. */
  readonly latency?: Partial<Latency>;
  /** The portal's clock in milliseconds. */
  readonly now?: () => number;
  /** How latencies and slowness are spent; a test may make it return at once. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Asked by a page of the portal itself, in a browser. */
  readonly byPage: boolean;
  /** 0 while there is no answer, and for good when the connection was cut. */
  status: number;
}

export interface IdexxSimulator {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly clinics: Clinic[];
  readonly faults: Faults;
  readonly variant: PortalVariant;
  readonly latency: Latency;
  readonly sessions: Sessions;
  /** All but those of the control door, in the order of their arrival. */
  readonly requests: RequestRecord[];
  /** That succeeded. */
  readonly logins: number;
  readonly now: () => number;
  stop(): Promise<void>;
}
