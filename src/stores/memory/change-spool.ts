/** `ChangeSpool` in memory. */
import { toSyncError } from '../../domain/errors.ts';
import type { ChangeSpool } from '../../ports/change-spool.ts';

export function createMemoryChangeSpool(): ChangeSpool {
  return {
    async create() {
      let lines: string[] = [];
      const discard = async () => {
        lines = [];
      };
      return {
        write(line) {
          lines.push(line);
        },
        async end() {
          return {
            async *lines(signal) {
              for (const line of lines) {
                if (signal?.aborted) throw toSyncError(signal.reason);
                yield line;
              }
            },
            discard,
          };
        },
        discard,
      };
    },
  };
}
