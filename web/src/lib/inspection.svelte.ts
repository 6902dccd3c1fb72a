/** One inspection, from its beginning to its end: asked for again until it is over. */
import { answerOf, api, type Inspection, type InspectionRequest } from './api/client.ts';
import { asProblem, type Problem } from './api/problem.ts';

const EVERY_MS = 500;

export class InspectionWatch {
  inspection = $state.raw<Inspection | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  #gone = false;

  /** @returns whether it came to its end and found what it was asked for */
  async begin(connectionId: string, body: InspectionRequest): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    this.inspection = null;
    try {
      const params = { path: { connectionId } };
      const { id } = await answerOf(api.POST('/api/v1/connections/{connectionId}/inspections', { params, body }));
      return (await this.#follow(id)) === 'done';
    } catch (error) {
      this.problem = asProblem(error);
    } finally {
      this.busy = false;
    }
    return false;
  }

  /** @throws Problem */
  async cancel(): Promise<void> {
    const id = this.inspection?.id;
    if (id === undefined) return;
    await answerOf(api.DELETE('/api/v1/inspections/{inspectionId}', { params: { path: { inspectionId: id } } }));
  }

  /** The page is left: it goes on, and can be found in the list. */
  leave(): void {
    this.#gone = true;
  }

  async #follow(id: string): Promise<Inspection['state'] | null> {
    const params = { path: { inspectionId: id } };
    while (!this.#gone) {
      try {
        const found = await answerOf(api.GET('/api/v1/inspections/{inspectionId}', { params }));
        this.inspection = found;
        this.problem = null;
        if (found.state !== 'running') return found.state;
      } catch (error) {
        const problem = asProblem(error);
        // The service may be away for a moment; the inspection goes on.
        if (problem.kind !== 'offline' && problem.kind !== 'limited') throw problem;
        this.problem = problem;
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    return null;
  }
}
