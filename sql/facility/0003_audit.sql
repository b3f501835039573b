-- Who did what, when, from where, to which study, series, instance or report,
-- with what result.  Rows are only ever inserted.  patient is the number of
-- the patient, led by its issuer and '|'.

CREATE TABLE audit (
    id              UUID NOT NULL,
    at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    event           TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    user_id         UUID NULL,
    user_name       TEXT NOT NULL DEFAULT '',
    address         TEXT NOT NULL DEFAULT '',
    object          TEXT NOT NULL DEFAULT '',
    patient         TEXT NOT NULL DEFAULT '',
    detail          TEXT NOT NULL DEFAULT '',
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_at_idx ON audit (at, id);
CREATE INDEX audit_patient_idx ON audit (patient, at, id);
