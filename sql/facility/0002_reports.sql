-- Radiology reports.  A report is a draft that its author rewrites until it is
-- finalised; from then on its text never changes and only addenda are added.
-- Every text that was ever saved is kept in report_versions.  A study with
-- reports cannot be removed.

-- created_as is the SHA-256 of the body that created the report, so that a
-- repeated request with an id chosen by the client is told from another one.
CREATE TABLE reports (
    id              UUID NOT NULL,
    study_uid       TEXT NOT NULL,
    status          TEXT NOT NULL DEFAULT 'draft',
    text            TEXT NOT NULL,
    author          UUID NOT NULL,
    author_name     TEXT NOT NULL,
    version         INT8 NOT NULL DEFAULT 1,
    created_as      TEXT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    finalized_at    TIMESTAMPTZ NULL,
    CONSTRAINT reports_pkey PRIMARY KEY (id),
    CONSTRAINT reports_study_fkey
        FOREIGN KEY (study_uid) REFERENCES studies (uid),
    CONSTRAINT reports_status_check CHECK (status IN ('draft', 'final')),
    CONSTRAINT reports_final_check
        CHECK ((status = 'final') = (finalized_at IS NOT NULL))
);

CREATE INDEX reports_study_idx ON reports (study_uid, created_at, id);

CREATE TABLE report_versions (
    report          UUID NOT NULL,
    version         INT8 NOT NULL,
    text            TEXT NOT NULL,
    author          UUID NOT NULL,
    author_name     TEXT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT report_versions_pkey PRIMARY KEY (report, version),
    CONSTRAINT report_versions_report_fkey
        FOREIGN KEY (report) REFERENCES reports (id)
);

CREATE TABLE report_addenda (
    id              UUID NOT NULL,
    report          UUID NOT NULL,
    text            TEXT NOT NULL,
    author          UUID NOT NULL,
    author_name     TEXT NOT NULL,
    created_as      TEXT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT report_addenda_pkey PRIMARY KEY (id),
    CONSTRAINT report_addenda_report_fkey
        FOREIGN KEY (report) REFERENCES reports (id)
);

CREATE INDEX report_addenda_report_idx
    ON report_addenda (report, created_at, id);
