/** Which organisations and connections exist: written from the configuration, never deleted. */
import type { ConnectionKey } from './document-records.ts';

export interface ConnectionEntry extends ConnectionKey {
  readonly connector: string;
  /** Without credentials. */
  readonly settings: unknown;
  readonly schedule: unknown;
  readonly pauseAfterFailures: number | null;
}

export interface OrganizationEntry {
  readonly id: string;
  readonly name: string;
  readonly timeZone: string;
  readonly maxConcurrentSyncs: number;
  readonly maxQueuedSyncs: number;
}

export interface RegistryChange {
  readonly organizationId: string;
  readonly connectionId: string | null;
  readonly change: 'added' | 'changed' | 'removed' | 'restored';
}

export interface ConnectionRegistry {
  /**
   * Makes the registry say what the configuration says. A connection that is no longer configured is marked `removed`: it
   * is not run any more and its documents stay. @returns what changed
   */
  apply(
    organizations: readonly OrganizationEntry[],
    connections: readonly ConnectionEntry[],
  ): Promise<readonly RegistryChange[]>;
}
