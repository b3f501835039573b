-- What of an instance's identity its file did not name, and the store derived
-- from the rest of it: some of sop_class, instance, series, study, with blanks
-- between.
ALTER TABLE instances ADD COLUMN assigned TEXT NOT NULL DEFAULT '';
