/**
 * The owners of filesets: whom `silknoteUserUuid` names, alone or as one of several.
 *
 * Contract:
 * - An owner is known when a live fileset names it or when somebody has written it down; both count alike.
 * - Filesets are not touched: who owns them is decided by their source, or by whoever brought them.
 * - What changes something writes its audit entry in the same transaction.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';

export interface FilesetOwner {
  /** Lower case. */
  readonly ownerUuid: string;
  readonly name: string | null;
  /** Live filesets that name it. */
  readonly filesets: number;
  /** ISO instants; null: nobody has written it down. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

export interface OwnerName {
  readonly organizationId: string;
  readonly ownerUuid: string;
  readonly name: string | null;
}

export interface FilesetOwners {
  /** In byte order of their UUIDs, those after `after`. */
  list(organizationId: string, page: { readonly limit: number; readonly after: string }): Promise<FilesetOwner[]>;
  find(organizationId: string, ownerUuid: string): Promise<FilesetOwner | null>;
  /** @returns whether it was written down now; false: it was before, and stays as it is */
  create(owner: OwnerName, audit: AuditEntry): Promise<boolean>;
  /** @returns false: there is no such owner */
  rename(owner: OwnerName, audit: AuditEntry): Promise<boolean>;
  /** @returns how many filesets are in the way, when there are some */
  remove(organizationId: string, ownerUuid: string, audit: AuditEntry): Promise<'removed' | 'unknown' | number>;
}
