-- The hierarchy: facilities, the servers that serve them, users.
-- CockroachDB 23.2+ and PostgreSQL 15; keys are UUIDs made by the application,
-- so that no range of the key space is hot.
-- search holds the folded words of what a row is searched by, each with a space
-- before it.
-- created_as is the SHA-256 of the body that created a row under an id chosen
-- by the client, so that a repeated request can be told from another one.

CREATE TABLE facilities (
    id              UUID NOT NULL,
    code            TEXT NOT NULL,
    name            TEXT NOT NULL,
    address         TEXT NOT NULL DEFAULT '',
    city            TEXT NOT NULL DEFAULT '',
    country         TEXT NOT NULL DEFAULT '',
    patient_issuer  TEXT NOT NULL DEFAULT '',
    search          TEXT NOT NULL DEFAULT '',
    active          BOOL NOT NULL DEFAULT true,
    version         INT8 NOT NULL DEFAULT 1,
    created_as      TEXT NOT NULL DEFAULT '',
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT facilities_pkey PRIMARY KEY (id),
    CONSTRAINT facilities_code_key UNIQUE (code)
);

CREATE INDEX facilities_name_idx ON facilities (name, id);

CREATE TABLE servers (
    id              UUID NOT NULL,
    facility        UUID NULL,
    type            TEXT NOT NULL,
    name            TEXT NOT NULL,
    url             TEXT NOT NULL,
    active          BOOL NOT NULL DEFAULT true,
    version         INT8 NOT NULL DEFAULT 1,
    created_as      TEXT NOT NULL DEFAULT '',
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT servers_pkey PRIMARY KEY (id),
    CONSTRAINT servers_facility_fkey
        FOREIGN KEY (facility) REFERENCES facilities (id),
    CONSTRAINT servers_type_check
        CHECK (type IN ('web', 'toplevel', 'facility', 'node'))
);

CREATE INDEX servers_name_idx ON servers (name, id);
CREATE INDEX servers_facility_idx ON servers (facility);

-- roles: names separated by one space, in the order of the token's claim.
CREATE TABLE users (
    id              UUID NOT NULL,
    username        TEXT NOT NULL,
    name            TEXT NOT NULL,
    email           TEXT NOT NULL DEFAULT '',
    password_hash   TEXT NOT NULL,
    roles           TEXT NOT NULL DEFAULT '',
    physician       BOOL NOT NULL DEFAULT false,
    facility        UUID NULL,
    search          TEXT NOT NULL DEFAULT '',
    active          BOOL NOT NULL DEFAULT true,
    version         INT8 NOT NULL DEFAULT 1,
    created_as      TEXT NOT NULL DEFAULT '',
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_facility_fkey
        FOREIGN KEY (facility) REFERENCES facilities (id)
);

CREATE INDEX users_facility_idx ON users (facility);

-- DICOM defined terms of Modality (0008,0060), PS3.3 C.7.3.1.1.1.
CREATE TABLE modalities (
    code            TEXT NOT NULL,
    name            TEXT NOT NULL,
    active          BOOL NOT NULL DEFAULT true,
    CONSTRAINT modalities_pkey PRIMARY KEY (code)
);
