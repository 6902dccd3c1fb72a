/** One request and its answer, as the parts of the portal hand them on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PortalVariant } from './portal.ts';
import type { Wall } from './wall.ts';
import type { Clinic } from './world.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The answer is cut in the middle. */
  isHalved: boolean;
}

/** What a JSON call that reads goes by. */
export interface Asked {
  readonly clinic: Clinic;
  readonly query: URLSearchParams;
  readonly variant: PortalVariant;
  /** Now, on the clinic's clock. */
  readonly wall: Wall;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}
