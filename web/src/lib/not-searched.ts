/** What a search has not looked at, in words for people; for the pages and the component. */

export interface NotSearched {
  readonly waiting: number;
  readonly failed: number;
  readonly withoutText: number;
  /** Scanned pages of them. */
  readonly partly: number;
}

/** @returns null: all documents of the patient were looked at */
export function notSearchedText({ waiting, failed, withoutText, partly }: NotSearched): string | null {
  const parts = [
    waiting > 0 ? `${number(waiting)} waiting to be read, perhaps again` : '',
    failed > 0 ? `${number(failed)} that could not be read` : '',
    withoutText > 0 ? `${number(withoutText)} without text` : '',
    partly > 0 ? `scanned pages of ${number(partly)}` : '',
  ].filter((part) => part !== '');
  const count = waiting + failed + withoutText + partly;
  if (count === 0) return null;
  return `Not searched: ${number(count)} ${count === 1 ? 'document' : 'documents'} of this patient – ${parts.join(', ')}.`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
