/** The text of `docs/errors.md`, made from the catalogue. `node scripts/error-docs.ts` writes it; a test compares. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ERROR_CATALOGUE } from '../src/domain/errors.ts';

const ACTIONS = {
  retry: 'the same step is tried again by itself',
  skip: 'this item is left out and tried again later; the run goes on',
  fail: 'this part of the run ends; nothing is removed because of it',
  stop: 'the run ends; what was done is kept, and the next run goes on from there',
};

export function errorDocs(): string {
  const rows = Object.entries(ERROR_CATALOGUE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, entry]) =>
        `## ${code}\n\n${entry.summary}\n\n- What to do: ${entry.remedy}\n- Action: \`${entry.action}\`\n`,
    );
  const actions = Object.entries(ACTIONS).map(([action, text]) => `- \`${action}\`: ${text}`);
  return [
    '# Error codes',
    '',
    'Every error that Chartsync shows has one of these codes. The text never holds names, paths or other personal data.',
    'This page is written by `node scripts/error-docs.ts`.',
    '',
    'The action says what Chartsync itself does:',
    '',
    ...actions,
    '',
    rows.join('\n'),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../docs/errors.md', import.meta.url), errorDocs());
}
