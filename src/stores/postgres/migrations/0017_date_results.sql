-- What a run found and changed on each date of a clinic's book, for whoever follows it or asks later.
ALTER TABLE schedule_run_windows ADD COLUMN date_results jsonb NOT NULL DEFAULT '[]';
