/** Every listed resource: its rows, the fields it can be filtered by, what it hides by default, and how it looks. */
import type { Faults } from './faults.ts';
import type { Field, Fields, FieldValue } from './filters.ts';
import type { Stored } from './records.ts';
import type { World } from './world.ts';

/** What rendering needs to know besides the record. */
export interface View {
  readonly world: World;
  /** Base of every link, with `/v1`. */
  readonly url: string;
  readonly faults: Faults;
}

export interface Resource<T extends Stored = Stored> {
  /** Also the key of the list. */
  readonly name: string;
  readonly rows: (world: World) => readonly T[];
  readonly fields: (world: World) => Fields<T>;
  /** Fields that hide a record which has them, unless the request filters by them. */
  readonly hides: readonly string[];
  /** Cannot be seen at all. */
  readonly gone?: (record: T) => boolean;
  readonly get: (world: World, id: string) => T | undefined;
  readonly render: (record: T, view: View) => Record<string, unknown>;
}

export function timeField<T>(get: (record: T) => number | null): Field<T> {
  return { type: 'date-time', get };
}

export function idField<T>(get: (record: T) => string | null): Field<T> {
  return { type: 'id', get };
}

export function field<T>(type: Field<T>['type'], get: (record: T) => FieldValue): Field<T> {
  return { type, get };
}

/** Every resource has these three. */
export function storedFields<T extends Stored>() {
  return {
    id: idField<T>((record) => record.id),
    created_at: timeField<T>((record) => record.createdAt),
    updated_at: timeField<T>((record) => record.updatedAt),
  };
}
