-- Duplicates of a patient: which record lives on in which one.  A row is a
-- merge in force; it goes when the merge is undone, and the audit trail keeps
-- both.  The merged record itself is left as it was, so that nothing is lost.

-- into_patient: whom the record was merged into; survivor: who that became, at
-- the end of all merges after it.  A survivor has no row of its own.
CREATE TABLE patient_merges (
    patient         UUID NOT NULL,
    into_patient    UUID NOT NULL,
    survivor        UUID NOT NULL,
    reason          TEXT NOT NULL,
    merged_by       UUID NOT NULL,
    merged_by_name  TEXT NOT NULL,
    merged_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT patient_merges_pkey PRIMARY KEY (patient),
    CONSTRAINT patient_merges_patient_fkey
        FOREIGN KEY (patient) REFERENCES patients (id),
    CONSTRAINT patient_merges_into_fkey
        FOREIGN KEY (into_patient) REFERENCES patients (id),
    CONSTRAINT patient_merges_survivor_fkey
        FOREIGN KEY (survivor) REFERENCES patients (id),
    CONSTRAINT patient_merges_self_check
        CHECK (patient <> into_patient AND patient <> survivor)
);

CREATE INDEX patient_merges_survivor_idx
    ON patient_merges (survivor, merged_at, patient);
CREATE INDEX patient_merges_into_idx ON patient_merges (into_patient);

-- lent: a word of a merged record, by which its survivor is found.
ALTER TABLE patient_words ADD COLUMN lent BOOL NOT NULL DEFAULT false;
