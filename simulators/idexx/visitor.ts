/** A caller for the simulator's own tests, with a cookie jar. It knows nothing beyond what each test says. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: URLSearchParams | FormData | string, headers?: Record<string, string>): Promise<Response>;
  /** Fills in the form of the login page. */
  login(fields: Readonly<Record<string, string>>): Promise<Response>;
  calendar(start: string, end: string): Promise<Response>;
  readonly cookies: Map<string, string>;
}

export function createVisitor(url: string): Visitor {
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), cookie };
    const response = await fetch(url + path, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      cookies.set(name!, value!);
    }
    return response;
  };
  const visitor: Visitor = {
    cookies,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, body, headers = {}) => send(path, { method: 'POST', body, headers }),
    login: async (fields) => {
      const page = await (await visitor.get('/login')).text();
      const token = /name="_token" value="([^"]*)"/.exec(page)?.[1] ?? '';
      return visitor.post('/login', new URLSearchParams({ _token: token, ...fields }));
    },
    calendar: (start, end) =>
      visitor.get(`/appointments/getCalendarEventData?${new URLSearchParams({ start, end })}`, {
        accept: 'application/json',
      }),
  };
  return visitor;
}
