/** The EHR database that a URL names. */
import { SyncError } from '../../domain/errors.ts';
import type { EhrDatabase } from '../../ports/ehr-database.ts';
import { createMysqlEhrDatabase, type EhrDatabaseOptions } from './mysql.ts';
import { createPostgresEhrDatabase } from './postgres.ts';

const BY_SCHEME: Record<string, (options: EhrDatabaseOptions) => EhrDatabase> = {
  'mysql:': createMysqlEhrDatabase,
  'mariadb:': createMysqlEhrDatabase,
  'postgres:': createPostgresEhrDatabase,
  'postgresql:': createPostgresEhrDatabase,
};

/**
 * Opens nothing yet: the first call connects.
 * @throws SyncError `settings_invalid` for an unknown scheme, a URL that cannot be read, or an invalid mapping
 */
export function createEhrDatabase(options: EhrDatabaseOptions): EhrDatabase {
  const scheme = URL.canParse(options.url) ? new URL(options.url).protocol : '';
  const create = Object.hasOwn(BY_SCHEME, scheme) ? BY_SCHEME[scheme] : undefined;
  if (!create) {
    throw new SyncError('settings_invalid', {
      detail: 'URL of the source database: it must start with mysql://, mariadb://, postgres:// or postgresql://.',
    });
  }
  return create(options);
}
