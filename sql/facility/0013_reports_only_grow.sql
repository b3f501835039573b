-- A report's text, version and state follow from report_versions, report_finals
-- and report_addenda.  So nothing of a report is ever updated or deleted, and
-- the servers' role has no such right on these tables (sql/append-only).
ALTER TABLE reports DROP CONSTRAINT reports_final_check;
ALTER TABLE reports DROP CONSTRAINT reports_status_check;
ALTER TABLE reports DROP COLUMN status;
ALTER TABLE reports DROP COLUMN text;
ALTER TABLE reports DROP COLUMN version;
ALTER TABLE reports DROP COLUMN updated_at;
ALTER TABLE reports DROP COLUMN finalized_at;
