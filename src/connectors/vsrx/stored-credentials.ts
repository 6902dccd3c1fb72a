/** An {@link EhrDatabase} whose user name and password are stored elsewhere and may change while it is in use. */
import { SyncError } from '../../domain/errors.ts';
import type { EhrDatabase, FileRead } from '../../ports/ehr-database.ts';

export interface DatabaseCredentials {
  readonly username: string;
  readonly password: string;
  /** Changes with every change of the credentials. */
  readonly version: string;
}

export interface StoredCredentialsOptions {
  /** URL of the database, without a password. */
  readonly url: string;
  /** Asked by every `check`. Null: none are stored, the URL counts as it is. */
  readonly credentials: () => Promise<DatabaseCredentials | null>;
  /** Opens the database of a complete URL; connects only when it is asked something. */
  readonly open: (url: string) => EhrDatabase;
}

/** A database as it was opened with one version of the credentials. */
interface Opened {
  readonly version: string | null;
  readonly database: EhrDatabase;
  users: number;
  replaced: boolean;
}

/**
 * `check`, with which every run begins, notices changed credentials; what is asked afterwards uses them. What was asked
 * before ends with the old ones, and then these are let go.
 */
export function createStoredCredentialsDatabase(options: StoredCredentialsOptions): EhrDatabase {
  let current: Opened | null = null;
  let closed = false;
  let latest: Promise<unknown> = Promise.resolve();
  const letting = new Set<Promise<void>>();

  /** One after the other: an older answer must not take the place of a newer one. */
  function refresh(): Promise<Opened> {
    const next = latest.then(async () => {
      const credentials = await options.credentials();
      if (closed) throw new SyncError('cancelled', { detail: 'The source database was closed.' });
      const version = credentials?.version ?? null;
      if (current !== null && current.version === version) return current;
      const former = current;
      current = {
        version,
        database: options.open(credentials === null ? options.url : urlWith(options.url, credentials)),
        users: 0,
        replaced: false,
      };
      if (former !== null) replace(former);
      return current;
    });
    latest = next.catch(() => undefined);
    return next;
  }

  function replace(opened: Opened): void {
    opened.replaced = true;
    if (opened.users === 0) letGo(opened.database);
  }

  function letGo(database: EhrDatabase): void {
    const done = database
      .close()
      .catch(() => undefined)
      .finally(() => letting.delete(done));
    letting.add(done);
  }

  async function using<T>(opened: Opened, work: (database: EhrDatabase) => Promise<T>): Promise<T> {
    opened.users++;
    try {
      return await work(opened.database);
    } finally {
      opened.users--;
      if (opened.replaced && opened.users === 0) letGo(opened.database);
    }
  }

  const ask = async <T>(work: (database: EhrDatabase) => Promise<T>) => using(current ?? (await refresh()), work);

  return {
    check: async (signal) => using(await refresh(), (database) => database.check(signal)),
    readFiles(selection, signal) {
      let read: FileRead | null = null;
      async function* stream() {
        const opened = current ?? (await refresh());
        opened.users++;
        try {
          read = opened.database.readFiles(selection, signal);
          yield* read;
        } finally {
          opened.users--;
          if (opened.replaced && opened.users === 0) letGo(opened.database);
        }
      }
      return {
        [Symbol.asyncIterator]: stream,
        summary() {
          if (read === null) throw new SyncError('source_incomplete');
          return read.summary();
        },
      };
    },
    presence: (references, signal) => ask((database) => database.presence(references, signal)),
    activatedPatients: (signal) => ask((database) => database.activatedPatients(signal)),
    patients: (after, signal) => ask((database) => database.patients(after, signal)),
    absentPatients: (units, signal) => ask((database) => database.absentPatients(units, signal)),
    async close() {
      closed = true;
      await latest;
      if (current !== null && !current.replaced) letGo(current.database);
      await Promise.all(letting);
    },
  };
}

function urlWith(url: string, { username, password }: DatabaseCredentials): string {
  const complete = new URL(url);
  complete.username = encodeURIComponent(username);
  complete.password = encodeURIComponent(password);
  return complete.href;
}
