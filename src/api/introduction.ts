/** What the description of the interface says before any route. Markdown, for people. */

export const INTRODUCTION = `Keeps clinic systems and an application's stores in step.

## Who calls

All routes but \`/health\` and \`/ready\` want a key: \`Authorization: Bearer <key>\` or \`X-API-Key: <key>\`. A token of a configured
OpenID Connect issuer is sent as a bearer as well. The key of an organisation acts for it alone; whoever acts for several names
one in \`X-Organization-ID\`. An organisation that the key is not for is 403, what belongs to another organisation is 404.

## Refusals

Every answer that is not a success is JSON of one shape, \`Refusal\`: \`error\` is a sentence for people, \`details.error_type\` a code
for programs, \`details.remedy\` what a person should do. None holds personal data. \`X-Request-Id\` of any answer finds it in the
logs and in the audit log. Headers beyond all measure are 431 in the same shape.

## Limits

By address, by key, and for starts of runs and failed authentications. Answers tell \`X-RateLimit-Limit\`,
\`X-RateLimit-Remaining\` and \`X-RateLimit-Reset\` (seconds since 1970); a refusal is 429 with \`Retry-After\` in seconds.`;

export const TAGS = [
  {
    name: 'sync',
    description: 'Start a run of a VSRX connection, for all patients or one, and compare the stores of a patient.',
  },
  { name: 'sync management', description: 'The runs of an organisation: start them all, what was, what is going on.' },
  { name: 'runs', description: 'One run: its progress, its stream of events, its cancellation.' },
  { name: 'connections', description: 'How the connections are; pause, resume, credentials of their sources.' },
  {
    name: 'inspections',
    description:
      'What a run would do, whether a source can be reached, whether all stores agree; and the repair of the search index.',
  },
  { name: 'failures', description: 'Items that failed: try them again, or leave them alone.' },
  { name: 'held deletions', description: 'Deletions that were held back for a person to decide.' },
  { name: 'cliniko', description: 'The connection to Cliniko: start it, try it, see how it is.' },
  {
    name: 'idexx',
    description: 'The book of a clinic at IDEXX Neo: copy it, see how it is, by the words that came before.',
  },
  { name: 'bookings', description: 'Free times of clinics, and places held, confirmed and given back.' },
  { name: 'patients and appointments', description: 'What was copied from practice management systems.' },
  { name: 'fhir', description: 'The same as FHIR R4 resources.' },
  { name: 'alerts', description: 'Who is told about which problems, by webhook or e-mail.' },
  { name: 'session', description: 'Who calls; sign in and out in the browser.' },
  { name: 'documents', description: 'Documents: their contents, what was made of them, how far each is.' },
  { name: 'search', description: 'Passages in the documents of one patient.' },
  { name: 'keys', description: 'API keys of the organisation.' },
  { name: 'audit', description: 'Who did what.' },
  { name: 'state', description: 'How the process is, for whoever looks after it.' },
];
