import { describeBlobCare } from '../contract/blob-care.ts';
import { describeDocumentRecords } from '../contract/document-records.ts';
import { describeFilesetMirrors } from '../contract/fileset-mirrors.ts';
import { memoryStores } from '../support/memory-stores.ts';

describeDocumentRecords('memory', memoryStores);
describeBlobCare('memory', memoryStores);
describeFilesetMirrors('memory', memoryStores);
