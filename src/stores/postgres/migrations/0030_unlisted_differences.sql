-- Differences that were found and are not listed, because there were too many at one place.
ALTER TABLE consistency_checks ADD COLUMN unlisted integer NOT NULL DEFAULT 0;
