/** The files that take longest begin first: at the end no processor is idle while another one works at a long file. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** In this order; everything else after them, the larger files first. Measured, and worth a look when the whole takes longer. */
const LONGEST = [
  'test/e2e/commands',
  'test/integration/fuzz-http',
  'test/integration/idexx-login',
  'test/integration/foreign-ids-http',
  'test/web/accessible',
  'test/simulation/simulation',
  'test/e2e/fan-out',
  'test/integration/fan-out',
  'test/integration/cliniko-attachments',
  'test/e2e/followed-document',
  'test/e2e/lost-contents',
  'test/integration/cliniko-bad-source',
  'test/integration/migrate-documents',
  'src/stores/postgres/supervisor',
  'test/web/component',
  'test/integration/sync-loop',
  'test/integration/document-groups',
  'test/integration/ehr-mysql',
  'test/web/patient-stories',
  'test/web/stories',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = await super.sort(files);
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return found < 0 ? LONGEST.length : found;
    };
    return rest.toSorted((a, b) => place(a) - place(b));
  }
}
