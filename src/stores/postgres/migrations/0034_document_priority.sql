-- Who waits for a document does not wait behind the ten thousand of a first copy: 0 goes first (somebody waits for it, or it must not be
-- found any more), then 1 (what a source brought), then 2 (read again after an update).
ALTER TABLE document_outbox ADD COLUMN priority integer NOT NULL DEFAULT 1 CHECK (priority IN (0, 1, 2));
CREATE INDEX document_outbox_order ON document_outbox (organization_id, priority, next_try_at) WHERE state = 'waiting';
UPDATE document_outbox SET priority = 0 WHERE task = 'unindex' OR former_patients <> '{}';
-- What 0031 asked for and is not done yet: tries that wait have been made before.
UPDATE document_outbox SET priority = 2
WHERE task = 'process' AND state = 'waiting' AND next_try_at > now() AND attempts = 0 AND delays = 0;
