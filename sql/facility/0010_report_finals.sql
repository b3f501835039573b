-- Which version of a report is final, and the words that final texts are found
-- by.

-- A report with a row here is final: the text of that version.  One row a
-- report, and rows are only ever inserted.
CREATE TABLE report_finals (
    report          UUID NOT NULL,
    version         INT8 NOT NULL,
    finalized_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT report_finals_pkey PRIMARY KEY (report),
    CONSTRAINT report_finals_version_fkey FOREIGN KEY (report, version)
        REFERENCES report_versions (report, version)
);

INSERT INTO report_finals (report, version, finalized_at)
    SELECT p.id, max(v.version), p.finalized_at
    FROM reports p JOIN report_versions v ON v.report = p.id
    WHERE p.status = 'final'
    GROUP BY p.id, p.finalized_at;

-- The folded words of a final text and its addenda; '' says that they are all
-- there.  A prefix is a range of the primary key, as of study_tokens.
CREATE TABLE report_words (
    word            TEXT NOT NULL,
    report          UUID NOT NULL,
    CONSTRAINT report_words_pkey PRIMARY KEY (word, report),
    CONSTRAINT report_words_report_fkey
        FOREIGN KEY (report) REFERENCES reports (id)
);

CREATE INDEX report_words_report_idx ON report_words (report, word);
CREATE INDEX reports_newest_idx ON reports (created_at DESC, id DESC);
CREATE INDEX reports_author_idx ON reports (author, created_at DESC, id DESC);
