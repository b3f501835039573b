-- What the store of this facility holds: studies, their series, the instances.
-- CockroachDB 23.2+ and PostgreSQL 15.  DICOM UIDs are the keys: the files
-- bring them along, and an upload repeated finds its own row.

-- sort_key is the study's date and time as text, so that '' (unknown) sorts
-- last and one index serves the newest-first list and its cursor.  version
-- grows when something below the study is removed.
CREATE TABLE studies (
    uid                 TEXT NOT NULL,
    sort_key            TEXT NOT NULL DEFAULT '',
    study_date          DATE NULL,
    study_time          TIME NULL,
    study_id            TEXT NOT NULL DEFAULT '',
    description         TEXT NOT NULL DEFAULT '',
    accession           TEXT NOT NULL DEFAULT '',
    referring_physician TEXT NOT NULL DEFAULT '',
    patient_id          TEXT NOT NULL DEFAULT '',
    patient_issuer      TEXT NOT NULL DEFAULT '',
    patient_name        TEXT NOT NULL DEFAULT '',
    patient_birth_date  DATE NULL,
    patient_sex         TEXT NOT NULL DEFAULT '',
    version             INT8 NOT NULL DEFAULT 1,
    created_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT studies_pkey PRIMARY KEY (uid),
    CONSTRAINT studies_uid_check CHECK (length(uid) BETWEEN 1 AND 64)
);

CREATE INDEX studies_newest_idx ON studies (sort_key DESC, uid DESC);
CREATE INDEX studies_patient_idx
    ON studies (patient_id, sort_key DESC, uid DESC);
CREATE INDEX studies_accession_idx
    ON studies (accession, sort_key DESC, uid DESC);

CREATE TABLE series (
    uid             TEXT NOT NULL,
    study_uid       TEXT NOT NULL,
    number          INT8 NULL,
    modality        TEXT NOT NULL DEFAULT '',
    description     TEXT NOT NULL DEFAULT '',
    body_part       TEXT NOT NULL DEFAULT '',
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT series_pkey PRIMARY KEY (uid),
    CONSTRAINT series_uid_check CHECK (length(uid) BETWEEN 1 AND 64),
    CONSTRAINT series_study_fkey
        FOREIGN KEY (study_uid) REFERENCES studies (uid) ON DELETE CASCADE
);

CREATE INDEX series_study_idx ON series (study_uid, modality);

-- location is the object's path in the store, a function of its content;
-- header is the index made at ingest (render-worker/index.h), opaque here.
CREATE TABLE instances (
    uid             TEXT NOT NULL,
    series_uid      TEXT NOT NULL,
    study_uid       TEXT NOT NULL,
    sop_class       TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    number          INT8 NULL,
    height          INT8 NOT NULL DEFAULT 0,
    width           INT8 NOT NULL DEFAULT 0,
    frames          INT8 NOT NULL DEFAULT 0,
    size            INT8 NOT NULL,
    md5             TEXT NOT NULL,
    location        TEXT NOT NULL,
    header          BYTEA NOT NULL,
    stored_by       UUID NULL,
    stored_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT instances_pkey PRIMARY KEY (uid),
    CONSTRAINT instances_uid_check CHECK (length(uid) BETWEEN 1 AND 64),
    CONSTRAINT instances_md5_check CHECK (length(md5) = 32),
    CONSTRAINT instances_series_fkey
        FOREIGN KEY (series_uid) REFERENCES series (uid) ON DELETE CASCADE
);

CREATE INDEX instances_series_idx ON instances (series_uid, number, uid);
CREATE INDEX instances_study_idx ON instances (study_uid, frames);
CREATE INDEX instances_location_idx ON instances (location);

-- The folded words by which a study is found: of the patient's name and
-- number, the accession number and the description.  A prefix is a range of
-- the primary key, so that any collation by code point serves it.
CREATE TABLE study_tokens (
    token           TEXT NOT NULL,
    study_uid       TEXT NOT NULL,
    CONSTRAINT study_tokens_pkey PRIMARY KEY (token, study_uid),
    CONSTRAINT study_tokens_study_fkey
        FOREIGN KEY (study_uid) REFERENCES studies (uid) ON DELETE CASCADE
);

CREATE INDEX study_tokens_study_idx ON study_tokens (study_uid, token);
