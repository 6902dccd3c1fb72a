/**
 * A language model at a service elsewhere: what it is asked leaves this machine.
 *
 * Contract:
 * - `ask` takes no longer than the time that was configured, whatever it tries, and ends at once when the signal is aborted.
 * - The answer is a text of at most {@link LONGEST_MODEL_ANSWER} bytes, and nothing more: whoever asked believes none of it.
 * - Failures are SyncErrors without a word of question or answer: `language_model_unavailable`, `language_model_timeout`,
 *   `language_model_credentials`, `language_model_refused`, `language_model_unreadable`; an aborted signal → `cancelled`.
 */
import type { ModelTask } from '../domain/cited-answer.ts';

export const LONGEST_MODEL_ANSWER = 1024 * 1024;

export interface LanguageModel {
  /** Its name at the service. */
  readonly model: string;
  /** No task has more. */
  readonly maxPassages: number;
  ask(task: ModelTask, signal?: AbortSignal): Promise<string>;
}
