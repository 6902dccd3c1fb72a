/** What the commands about tables on other machines have in common. */
import type { MirrorLag } from '../ports/table-mirror.ts';
import type { Output } from './output.ts';

/** Said wherever the mirror is the matter: nobody should find out from a question mark. */
export function sayMirrorLacks(output: Pick<Output, 'say'>, connectionId: string, lag: MirrorLag): void {
  if (!lag.lacksCharacters) return;
  output.say(
    `The mirrored tables of ${connectionId} have "?" for characters that their columns cannot hold. Once these are utf8mb4, ` +
      'everything is written there again: see docs/documents.md.',
  );
}
