-- Everybody whom a source has is known before there is a document. What it said of each, as a hash: only changes are written.
ALTER TABLE connection_filesets
  ADD COLUMN given text COLLATE "C",
  -- What it said last: only what came from it is replaced by what it says now.
  ADD COLUMN given_dob varchar(20),
  ADD COLUMN given_gender varchar(50),
  -- Nothing of the patient was ever copied by this connection.
  ADD COLUMN only_known boolean NOT NULL DEFAULT false,
  -- Nor was there a fileset before: the first document that is copied activates it, as it would make it.
  ADD COLUMN made boolean NOT NULL DEFAULT false;
