/** How long an endpoint wants to be left alone, as `Retry-After` says in seconds; for the options of a `SyncError`. */
export function wantedPause(headers: Headers | undefined): { readonly retryAfterMs?: number } {
  const seconds = headers?.get('retry-after')?.trim() ?? '';
  return /^\d{1,6}$/.test(seconds) ? { retryAfterMs: Number(seconds) * 1000 } : {};
}
