-- What a clinic wrote down about visits, and the cases of applications that it belongs to.
--
-- A consultation belongs to an appointment of the same clinic by its id, and by nothing else: names are not compared. Where that is
-- not possible it is in quarantine, with the reason, until an id says where it belongs.

-- One for each appointment that somebody was seen for. An application may set it to reviewed: then we leave its status alone.
CREATE TABLE cases (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id        uuid NOT NULL,
  source           text NOT NULL,
  external_id      text NOT NULL,
  status           text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'ongoing', 'completed', 'reviewed')),
  scheduled_at     timestamptz NOT NULL,
  metadata         jsonb NOT NULL DEFAULT '{}',
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  organization_id  text NOT NULL,
  appointment_id   uuid NOT NULL REFERENCES schedule_appointments (id),
  UNIQUE (clinic_id, external_id),
  UNIQUE (appointment_id),
  UNIQUE (organization_id, clinic_id, id),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id)
);

CREATE TABLE consultations (
  id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id      text NOT NULL,
  clinic_id            uuid NOT NULL,
  neo_consultation_id  text COLLATE "C" NOT NULL,
  -- As the source says it; null: it names none.
  neo_appointment_id   text COLLATE "C",
  consulted_at         timestamptz NOT NULL,
  -- Clinic-local.
  date                 date NOT NULL,
  patient_name         text,
  client_name          text,
  provider_name        text,
  status               text NOT NULL CHECK (status IN ('in_progress', 'completed', 'cancelled')),
  raw_status           text NOT NULL,
  clinical_notes       text,
  vitals               jsonb,
  diagnoses            jsonb NOT NULL DEFAULT '[]',
  fingerprint          text NOT NULL,
  appointment_id       uuid REFERENCES schedule_appointments (id),
  case_id              uuid,
  -- Null: it is linked.
  quarantine_reason    text DEFAULT 'appointment_unknown' CHECK (quarantine_reason IN ('no_appointment_id', 'appointment_unknown')),
  kept_since           timestamptz,
  synced_at            timestamptz NOT NULL DEFAULT now(),
  synced_by_run        text NOT NULL,
  deleted_at           timestamptz,
  deleted_reason       text,
  deleted_by_run       text,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  UNIQUE (clinic_id, neo_consultation_id),
  CHECK ((quarantine_reason IS NULL) = (appointment_id IS NOT NULL)),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id),
  FOREIGN KEY (organization_id, clinic_id, case_id) REFERENCES cases (organization_id, clinic_id, id)
);
CREATE INDEX consultations_day ON consultations (organization_id, clinic_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX consultations_quarantined ON consultations (organization_id, clinic_id, neo_appointment_id)
  WHERE appointment_id IS NULL AND deleted_at IS NULL;
CREATE INDEX consultations_case ON consultations (case_id) WHERE case_id IS NOT NULL;

CREATE VIEW consultation_sync_status AS
SELECT c.neo_consultation_id, c.synced_by_run AS sync_session_id, c.case_id,
       coalesce(c.quarantine_reason, 'linked') AS status, c.synced_at, c.organization_id, c.clinic_id
FROM consultations AS c WHERE c.deleted_at IS NULL;

-- A run for a clinic's book looks after its connection as well.
CREATE OR REPLACE FUNCTION chartsync_is_whole(mode text, unit text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT unit IS NULL AND mode IN ('quick', 'deep', 'checksum', 'plan', 'incremental', 'comprehensive', 'calendar')
$$;
UPDATE connections AS c SET last_success_at = (
  SELECT max(r.finished_at) FROM sync_runs AS r
  WHERE r.organization_id = c.organization_id AND r.connection_id = c.id AND r.state = 'completed' AND r.outcome = 'success'
    AND r.mode = 'calendar' AND r.unit IS NULL)
WHERE c.connector = 'idexx' AND c.last_success_at IS NULL;
