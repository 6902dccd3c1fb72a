/** Asks a service over HTTP as a program does: JSON or a form goes there, bytes and what they mean come back. */

/** @param secret of a key. @param headers take the place of ours */
export async function askService(
  url: string,
  secret: string,
  method: string,
  path: string,
  body?: FormData | object,
  headers: Readonly<Record<string, string>> = {},
) {
  const isForm = body instanceof FormData;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${secret}`,
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return { status: response.status, bytes, json: (isJson ? JSON.parse(bytes.toString()) : null) as any };
}
