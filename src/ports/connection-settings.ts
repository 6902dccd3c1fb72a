/**
 * Settings of connections that people change while the service runs, and what is known of each of them.
 *
 * Contract of the store, tested by `test/integration/connection-settings-http.test.ts`:
 * - `put` replaces what was chosen for a connection when nobody else did so in between (`from` is still its version), and writes
 *   the audit entry and the settings that count now in the same transaction: all or nothing.
 * - A version never comes again, also when everything was taken back.
 */

import type { AuditEntry } from '../domain/audit-entry.ts';
import type { SettingField } from '../domain/setting-field.ts';
import type { ConnectionKey } from './document-records.ts';

export interface ChosenSetting {
  /** In the words of the configuration. Null: as though the configuration did not say it. */
  readonly value: unknown;
  /** ISO instant. */
  readonly at: string;
  readonly by: string;
}

/** Name of a setting, such as `timeouts.query` → what was chosen. */
export type ChosenSettings = Readonly<Record<string, ChosenSetting>>;

export interface StoredSettings extends ConnectionKey {
  /** 1 and more. */
  readonly version: number;
  readonly chosen: ChosenSettings;
}

export interface ConnectionSettingsStore {
  /** Of all connections for which something was ever chosen. */
  all(): Promise<readonly StoredSettings[]>;
  /** @param from 0: nothing was ever chosen. @param effective what counts now, without secrets. @returns false: not any more */
  put(
    key: ConnectionKey,
    change: { readonly from: number; readonly chosen: ChosenSettings; readonly effective: unknown },
    audit: AuditEntry,
  ): Promise<boolean>;
}

/** What is wrong with one setting, and what is expected of it. */
export interface SettingMistake {
  readonly name: string;
  readonly message: string;
}

export interface SettingsView {
  readonly connector: string;
  /** 0: nothing was ever chosen. */
  readonly version: number;
  /** What counts now, resolved: times in ms, sizes in bytes. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly fields: readonly SettingField[];
  /** Why what was chosen does not count any more: the configuration has changed since, and both together are wrong. */
  readonly mistakes: readonly SettingMistake[];
}

export interface SettingsRequest {
  /** What the person has seen; null: whatever is there. */
  readonly version: number | null;
  readonly choose: Readonly<Record<string, unknown>>;
  /** Names whose value is that of the configuration again. */
  readonly forget: readonly string[];
  readonly by: string;
}

/** What people do with the settings of a connection. A change counts for every run that begins after it, on every process. */
export interface ConnectionSettings {
  /** Null: there is no such connection. */
  view(key: ConnectionKey): Promise<SettingsView | null>;
  /** @param audit is told what is changed. @returns `changed`, what is wrong, or that somebody else was faster */
  change(
    key: ConnectionKey,
    request: SettingsRequest,
    audit: (names: readonly string[]) => AuditEntry,
  ): Promise<'changed' | 'stale' | { readonly mistakes: readonly SettingMistake[] }>;
}
