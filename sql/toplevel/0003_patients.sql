-- Patients, their numbers (each qualified by who issued it), and the folded
-- words they are found by.

-- sort_name is the folded name, family name first: the order of lists.
CREATE TABLE patients (
    id              UUID NOT NULL,
    family_name     TEXT NOT NULL DEFAULT '',
    given_name      TEXT NOT NULL DEFAULT '',
    middle_name     TEXT NOT NULL DEFAULT '',
    name_prefix     TEXT NOT NULL DEFAULT '',
    name_suffix     TEXT NOT NULL DEFAULT '',
    birth_date      DATE NULL,
    sex             TEXT NULL,
    sort_name       TEXT NOT NULL,
    active          BOOL NOT NULL DEFAULT true,
    version         INT8 NOT NULL DEFAULT 1,
    created_as      TEXT NOT NULL DEFAULT '',
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT patients_pkey PRIMARY KEY (id),
    CONSTRAINT patients_sex_check CHECK (sex IN ('M', 'F', 'O', 'U'))
);

CREATE INDEX patients_sort_name_idx ON patients (sort_name, id);
CREATE INDEX patients_birth_date_idx ON patients (birth_date, sort_name, id);

CREATE TABLE patient_identifiers (
    issuer          TEXT NOT NULL,
    value           TEXT NOT NULL,
    patient         UUID NOT NULL,
    position        INT8 NOT NULL,
    CONSTRAINT patient_identifiers_pkey PRIMARY KEY (issuer, value),
    CONSTRAINT patient_identifiers_patient_fkey
        FOREIGN KEY (patient) REFERENCES patients (id)
);

CREATE INDEX patient_identifiers_patient_idx
    ON patient_identifiers (patient, position);

-- One row for each folded word of a name; words with a digit, and the numbers
-- of identifiers without their punctuation, begin with '#'.  A prefix is a
-- range of the primary key, so that any collation by code point serves it.
CREATE TABLE patient_words (
    word            TEXT NOT NULL,
    sort_name       TEXT NOT NULL,
    patient         UUID NOT NULL,
    CONSTRAINT patient_words_pkey PRIMARY KEY (word, sort_name, patient),
    CONSTRAINT patient_words_patient_fkey
        FOREIGN KEY (patient) REFERENCES patients (id)
);

CREATE INDEX patient_words_patient_idx ON patient_words (patient, word);
