-- The audit trail becomes a chain: each record of audit is sealed by a row of
-- audit_chain, whose hash covers the record and the hash before it
-- (ngx_dicom_audit.h says how).  One process of a server writes one chain, so
-- that nobody waits for another's.  Rows are only ever inserted.

-- server: the name of the server that wrote the record; empty before chains.
ALTER TABLE audit ADD COLUMN server TEXT NOT NULL DEFAULT '';
-- names separated by one space, as the token had them
ALTER TABLE audit ADD COLUMN roles TEXT NOT NULL DEFAULT '';

CREATE TABLE audit_chains (
    id              UUID NOT NULL,
    server          TEXT NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    CONSTRAINT audit_chains_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_chains_server_idx ON audit_chains (server, started_at);

-- late: sealed after the fact, by another process than the one that wrote the
-- record, or by one that had lost sight of it.
CREATE TABLE audit_chain (
    chain           UUID NOT NULL,
    seq             INT8 NOT NULL,
    event           UUID NOT NULL,
    late            BOOL NOT NULL,
    hash            TEXT NOT NULL,
    CONSTRAINT audit_chain_pkey PRIMARY KEY (chain, seq),
    CONSTRAINT audit_chain_hash_check CHECK (length(hash) = 64)
);

CREATE INDEX audit_chain_event_idx ON audit_chain (event);
CREATE INDEX audit_user_idx ON audit (user_id, at, id);
