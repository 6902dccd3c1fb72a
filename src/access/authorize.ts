/** The one place that decides whether an authenticated caller may do something, and for which organisation. */
import { allows, type Scope } from '../domain/scopes.ts';
import { AccessDenied } from './denied.ts';
import type { Principal } from './principal.ts';

export interface AccessQuestion {
  readonly principal: Principal;
  /** Null: none is needed. */
  readonly scope: Scope | null;
  /** The organisation as the path, and the header X-Organization-ID, name it; null: not named there. */
  readonly path: string | null;
  readonly header: string | null;
  /** The configured ones. */
  readonly organizations: readonly string[];
}

/**
 * Path, header and token must agree, else 403 – the same answer for an organisation that exists and one that does not. What
 * belongs to another organisation is then simply not found by the queries, which are all limited to the result: 404.
 *
 * @returns the organisation that the request is about
 * @throws AccessDenied 400 when none can be told, 403, 404 for an administrator who names an unknown one
 */
export function authorize(question: AccessQuestion): string {
  const organizationId = organizationOf(question);
  if (question.scope !== null && !allows(question.principal.scopes, question.scope)) {
    throw new AccessDenied(403, 'insufficient_scope', `This needs the scope "${question.scope}".`);
  }
  return organizationId;
}

function organizationOf({ principal, path, header, organizations }: AccessQuestion): string {
  if (header === '') throw new AccessDenied(400, 'invalid_request', 'X-Organization-ID is empty.');
  if (path !== null && header !== null && path !== header) {
    throw new AccessDenied(
      403,
      'organization_mismatch',
      'The path and X-Organization-ID name different organisations.',
    );
  }
  const named = path ?? header;
  if (principal.organizations === 'all') {
    if (named !== null) {
      if (!organizations.includes(named)) throw notFound();
      return named;
    }
    return onlyOne(organizations);
  }
  if (named !== null && !principal.organizations.includes(named)) {
    throw new AccessDenied(403, 'organization_mismatch', 'This key or token is not for the named organisation.');
  }
  if (principal.organizations.length === 0) {
    throw new AccessDenied(403, 'organization_mismatch', 'This token is for no organisation.');
  }
  const own = named ?? onlyOne(principal.organizations);
  // A key outlives its organisation's removal from the configuration, but gives nothing then.
  if (!organizations.includes(own)) throw notFound();
  return own;
}

/** More would be no help. */
const MOST_NAMED = 20;

/** @param organizations those that the caller may act for */
function onlyOne(organizations: readonly string[]): string {
  const [only] = organizations;
  if (organizations.length === 1 && only !== undefined) return only;
  const some = organizations.length <= MOST_NAMED ? `: one of ${organizations.join(', ')}` : '';
  throw new AccessDenied(400, 'invalid_request', `Name the organisation in the header X-Organization-ID${some}.`);
}

function notFound(): AccessDenied {
  return new AccessDenied(404, 'not_found', 'No such organisation.');
}
