/** The section `languageModel`: the service that answers are written by. */
import type { LanguageModelConfig } from './config.ts';
import { isInTheClear } from './documents.ts';
import type { Path } from './mistake.ts';
import { parseDuration } from './quantity.ts';
import type { ConfigFile } from './schema.ts';

const DEFAULT_TIMEOUT = '60s';
const DEFAULT_PASSAGES = 20;

export interface LanguageModelOptions {
  readonly allowPrivate: boolean;
  readonly mistake: (path: Path, message: string) => void;
}

export function resolveLanguageModel(
  file: ConfigFile['languageModel'],
  { allowPrivate, mistake }: LanguageModelOptions,
): LanguageModelConfig | null {
  if (file === undefined) return null;
  const url = new URL(file.endpoint);
  if (isInTheClear(url) && !allowPrivate) {
    mistake(
      ['endpoint'],
      'is not https: passages of patients and the key would cross the network as they are. Set CHARTSYNC_ALLOW_PRIVATE_SOURCES=1 if that is meant',
    );
  }
  return {
    endpoint: url.href.replace(/\/+$/, ''),
    apiKey: file.apiKey ?? null,
    model: file.model,
    timeoutMs: parseDuration(file.timeout ?? DEFAULT_TIMEOUT) ?? 0,
    maxPassages: file.maxPassages ?? DEFAULT_PASSAGES,
  };
}
