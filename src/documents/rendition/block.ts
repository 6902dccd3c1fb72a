/** What every converter makes of a document, and what is set as PDF: a few kinds of blocks, one below the other. */

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: string }
  /** `\n` begins a new line. `indent` counts steps, as of a list in a list. */
  | { readonly kind: 'paragraph'; readonly text: string; readonly indent: number }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'image'; readonly jpeg: Uint8Array }
  | { readonly kind: 'rule' }
  /** Is in the text of the page, to be found, and nowhere on it. */
  | { readonly kind: 'unseen'; readonly rows: readonly (readonly string[])[] };
