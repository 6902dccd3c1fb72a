/**
 * A place for the changes of one comparison, so that the source's snapshot can be closed before the slow part starts and
 * memory stays constant however many changes there are. Lines are texts without line breaks.
 */
export interface SpoolWriter {
  /** Adds a line. Resolves at once while there is room in the buffer. */
  write(line: string): Promise<void> | void;
  /** No more lines; @returns what was written, to be read as often as needed */
  end(): Promise<SpooledLines>;
  /** Gives everything up. */
  discard(): Promise<void>;
}

export interface SpooledLines {
  lines(signal?: AbortSignal): AsyncIterable<string>;
  discard(): Promise<void>;
}

export interface ChangeSpool {
  create(): Promise<SpoolWriter>;
}
