-- Patients, appointments and what they refer to, copied from practice management systems that deliver records.
--
-- `patients` and `appointments` keep the names and columns that other applications read. Every table has the same last columns:
--   fingerprint        of what we keep; equal = unchanged in the source
--   missing_since      complete reads have been missing it since then
--   kept_since         a person keeps it although the source lost it
--   removed_at/_reason the source lost it; then it is hidden. A record that is back is live again
--   deleted_at         hidden for whatever reason: the source says deleted, or it is removed

CREATE TABLE patients (
  -- Made of organisation, connection and the source's id: the same after a copy into an empty database.
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_patient_id      text COLLATE "C" NOT NULL,
  name                    text,
  email                   text,
  phone                   text,
  contact_type            text NOT NULL DEFAULT 'cliniko_patient',
  title                   text,
  first_name              text,
  last_name               text,
  preferred_first_name    text,
  phones                  jsonb NOT NULL DEFAULT '[]',
  birth_date              date,
  sex                     text,
  gender_identity         text,
  address                 jsonb,
  time_zone               text,
  old_reference_id        text,
  archived_at             timestamptz,
  merged_at               timestamptz,
  -- Id of the patient that this one was merged into; and of the one at the end of such a chain.
  merged_into             text COLLATE "C",
  survivor                text COLLATE "C",
  -- Computed from the stored appointments.
  is_active               boolean NOT NULL DEFAULT false,
  activity_status         text NOT NULL DEFAULT 'inactive'
                          CHECK (activity_status IN ('active', 'recent_only', 'upcoming_only', 'inactive')),
  recent_appointment_count    integer NOT NULL DEFAULT 0,
  upcoming_appointment_count  integer NOT NULL DEFAULT 0,
  total_appointment_count     integer NOT NULL DEFAULT 0,
  first_appointment_date  timestamptz,
  last_appointment_date   timestamptz,
  next_appointment_time   timestamptz,
  next_appointment_type   text,
  primary_appointment_type text,
  recent_appointments     jsonb NOT NULL DEFAULT '[]',
  upcoming_appointments   jsonb NOT NULL DEFAULT '[]',
  -- When time alone changes the above.
  activity_until          timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_patient_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
CREATE INDEX patients_by_name ON patients (organization_id, last_name, first_name, id);
CREATE INDEX patients_activity_until ON patients (activity_until, organization_id, connection_id)
  WHERE activity_until IS NOT NULL;
CREATE INDEX patients_merged ON patients (survivor, organization_id, connection_id)
  WHERE merged_into IS NOT NULL OR survivor IS NOT NULL;
CREATE INDEX patients_changed ON patients (organization_id, source_updated_at, id);

CREATE TABLE appointments (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  -- Individual and group appointments share their ids in the source.
  cliniko_appointment_id  text COLLATE "C" NOT NULL,
  kind                    text NOT NULL CHECK (kind IN ('individual', 'group')),
  -- Of patients.id; the patient may not be there (yet). Null for group appointments: see appointment_attendees.
  patient_id              uuid,
  cliniko_patient_id      text COLLATE "C",
  appointment_date        timestamptz NOT NULL,
  ends_at                 timestamptz,
  -- Deleted, archived, cancelled, did not arrive, arrived, booked: the first that is true.
  status                  text NOT NULL CHECK (status IN ('booked', 'arrived', 'noshow', 'cancelled', 'archived', 'deleted')),
  type                    text,
  notes                   text,
  cliniko_practitioner_id text,
  cliniko_business_id     text,
  cliniko_appointment_type_id text,
  cancelled_at            timestamptz,
  cancellation_reason     integer,
  archived_at             timestamptz,
  max_attendees           integer,
  metadata                jsonb NOT NULL DEFAULT '{}',
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_appointment_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
-- The column that tells most comes first: otherwise these are taken for a search by connection alone.
CREATE INDEX appointments_of_patient ON appointments (cliniko_patient_id, organization_id, connection_id);
CREATE INDEX appointments_by_date ON appointments (organization_id, appointment_date, id);

CREATE TABLE appointment_attendees (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_attendee_id     text COLLATE "C" NOT NULL,
  cliniko_appointment_id  text COLLATE "C",
  patient_id              uuid,
  cliniko_patient_id      text COLLATE "C",
  status                  text NOT NULL CHECK (status IN ('booked', 'arrived', 'noshow', 'cancelled', 'archived', 'deleted')),
  cancelled_at            timestamptz,
  cancellation_reason     integer,
  archived_at             timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_attendee_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
CREATE INDEX appointment_attendees_of_patient
  ON appointment_attendees (cliniko_patient_id, organization_id, connection_id);
CREATE INDEX appointment_attendees_of_appointment
  ON appointment_attendees (cliniko_appointment_id, organization_id, connection_id);

CREATE TABLE practitioners (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_practitioner_id text COLLATE "C" NOT NULL,
  title                   text,
  first_name              text,
  last_name               text,
  display_name            text,
  designation             text,
  active                  boolean NOT NULL,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_practitioner_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- Places of an organisation (glossary: clinics), by the source's name for them.
CREATE TABLE businesses (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_business_id     text COLLATE "C" NOT NULL,
  name                    text,
  address                 jsonb,
  -- IANA; null: the source names none that is known.
  time_zone               text,
  archived_at             timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_business_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE appointment_types (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_appointment_type_id text COLLATE "C" NOT NULL,
  name                    text,
  category                text,
  duration_minutes        integer,
  max_attendees           integer,
  archived_at             timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_appointment_type_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE unavailable_blocks (
  id                      uuid PRIMARY KEY,
  organization_id         text NOT NULL,
  connection_id           text NOT NULL,
  cliniko_block_id        text COLLATE "C" NOT NULL,
  starts_at               timestamptz NOT NULL,
  ends_at                 timestamptz,
  cliniko_practitioner_id text,
  cliniko_business_id     text,
  repeated_from           text,
  archived_at             timestamptz,
  source_created_at       timestamptz,
  source_updated_at       timestamptz,
  last_synced_at          timestamptz NOT NULL,
  fingerprint             text NOT NULL,
  missing_since           timestamptz,
  kept_since              timestamptz,
  removed_at              timestamptz,
  removed_reason          text,
  removed_by_run          text,
  deleted_at              timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, connection_id, cliniko_block_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);
CREATE INDEX unavailable_blocks_by_date ON unavailable_blocks (organization_id, starts_at, id);

-- Where each list of a source stands. It moves only in the transaction of the records.
CREATE TABLE stream_states (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  stream           text NOT NULL,
  -- By the source's clock: when the last good read began, and how long it took.
  cursor_at        timestamptz,
  read_ms          bigint NOT NULL DEFAULT 0,
  -- A first read that has not come to its end.
  unfinished       jsonb,
  complete_items   bigint,
  complete_at      timestamptz,
  PRIMARY KEY (organization_id, connection_id, stream),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- Which account of the source the records of a connection are of, and who asked last.
CREATE TABLE source_accounts (
  organization_id  text NOT NULL,
  connection_id    text NOT NULL,
  account          text,
  user_reference   text NOT NULL,
  PRIMARY KEY (organization_id, connection_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- Patients whose activity is to be computed anew, noted by the transaction that changed something about them.
CREATE TABLE activity_due (
  organization_id     text NOT NULL,
  connection_id       text NOT NULL,
  cliniko_patient_id  text COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, connection_id, cliniko_patient_id),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

-- Requests of the last minute to one user of an outside system, shared by all processes. Nobody's data.
CREATE TABLE outbound_limits (
  key            text PRIMARY KEY,
  -- Epoch ms of each request in the window, oldest first.
  sent           bigint[] NOT NULL DEFAULT '{}',
  blocked_until  bigint NOT NULL DEFAULT 0,
  touched_at     timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE held_items DROP CONSTRAINT held_items_absence_check;
ALTER TABLE held_items ADD CONSTRAINT held_items_absence_check
  CHECK (absence IN ('deleted', 'missing', 'gone', 'reassigned'));
