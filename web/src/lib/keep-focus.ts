/**
 * Where the keyboard goes on when what was pressed is gone: else it would begin anew at the top of the page. Whoever went elsewhere
 * meanwhile stays there.
 * @param places the first that is still there by then
 */
export function keepFocus(...places: readonly (HTMLElement | null | undefined)[]): void {
  // After this moment: what goes is gone, and a dialog has closed.
  setTimeout(() => {
    const place = places.find((one) => one?.isConnected);
    const { activeElement, body } = document;
    if (!place || (activeElement !== null && activeElement !== body)) return;
    place.tabIndex = -1;
    place.focus();
  });
}

/** Of the section that it stands in. */
export function headingOf(element: Element | null | undefined): HTMLElement | null {
  return element?.closest('section')?.querySelector('h2') ?? null;
}
