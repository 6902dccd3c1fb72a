/** Where one test run keeps what is made once and copied by many tests; `global-setup.ts` names and removes it. */
export const SAMPLES_VARIABLE = 'CHARTSYNC_TEST_SAMPLES';

export function samplesFolder(): string {
  const folder = process.env[SAMPLES_VARIABLE];
  if (folder === undefined) throw new Error('Samples are shared by the tests of one test run, and this is none.');
  return folder;
}
