/** A refusal, as the HTTP answer will tell it. */
export class AccessDenied extends Error {
  readonly status: 400 | 401 | 403 | 404 | 503;
  /** For programs, such as `insufficient_scope`. */
  readonly type: string;
  /**
   * The caller tried a secret that was never right. A right one that has expired proves knowledge: an office whose key ran
   * out must not be locked out like a burglar.
   */
  readonly guess: boolean;
  /** Of the key that was tried, when there is one: an id, never the secret. */
  readonly keyId: string | null;

  constructor(
    status: AccessDenied['status'],
    type: string,
    message: string,
    about: { guess?: boolean; keyId?: string } = {},
  ) {
    super(message);
    this.name = 'AccessDenied';
    this.status = status;
    this.type = type;
    this.guess = about.guess ?? false;
    this.keyId = about.keyId ?? null;
  }
}

export function unauthorised(message: string, about: { guess?: boolean; keyId?: string } = {}): AccessDenied {
  return new AccessDenied(401, 'unauthorised', message, about);
}
