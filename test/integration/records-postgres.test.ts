import { describeBlobCare } from '../contract/blob-care.ts';
import { describeDocumentRecords } from '../contract/document-records.ts';
import { describeFilesetMirrors } from '../contract/fileset-mirrors.ts';
import { postgresStores } from '../support/postgres-stores.ts';

describeDocumentRecords('postgres', postgresStores);
describeBlobCare('postgres', postgresStores);
describeFilesetMirrors('postgres', postgresStores);
