/**
 * What is known of inspections, for all processes.
 *
 * Contract, tested by `test/integration/inspections-http.test.ts`:
 * - One of a kind runs at a time for a connection; one whose process has been silent for half a minute has failed.
 * - Only a running one can be ended, once.
 * - The newest of each kind are kept, the others forgotten when one begins. All that a plan showed, for a run, is kept of the newest few.
 */
import type { Inspection, InspectionKind } from '../domain/inspection.ts';

export interface InspectionStore {
  /** @returns false when one of its kind runs for the connection already */
  begin(
    inspection: Pick<Inspection, 'id' | 'organizationId' | 'connectionId' | 'kind' | 'options' | 'askedBy'>,
  ): Promise<boolean>;
  /** A sign of life. @returns whether it is to go on */
  beat(organizationId: string, id: string, checked: number): Promise<boolean>;
  /** @returns false when it does not run any more */
  finish(
    organizationId: string,
    id: string,
    end: Pick<Inspection, 'result' | 'error'> & {
      readonly state: 'done' | 'failed' | 'cancelled';
      readonly checked: number;
      /** Of a plan that came to its end: all that it showed, see `domain/planned-items.ts`. */
      readonly planned: Buffer | null;
    },
  ): Promise<boolean>;
  /** @returns false when it does not run */
  cancel(organizationId: string, id: string): Promise<boolean>;
  find(organizationId: string, id: string): Promise<Inspection | null>;
  /** All that a plan of the connection showed; null: there is no such plan, or that is not kept any more. */
  planned(connection: Pick<Inspection, 'organizationId' | 'connectionId'>, id: string): Promise<Buffer | null>;
  /** Newest first. */
  list(
    connection: Pick<Inspection, 'organizationId' | 'connectionId'>,
    kind: InspectionKind | null,
    limit: number,
  ): Promise<readonly Inspection[]>;
}
