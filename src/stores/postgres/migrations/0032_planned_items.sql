-- All that a plan showed, eight bytes for each item in ascending order: a run that is started with the plan does nothing else.
CREATE TABLE planned_items (
  inspection_id    text PRIMARY KEY REFERENCES inspections (id) ON DELETE CASCADE,
  organization_id  text NOT NULL,
  items            bytea NOT NULL
);
