-- Failed logins, counted by account and by address, and passwords that an
-- administrator gave out to be changed.

-- key: SHA-256 of what is counted, in hexadecimal: a name that was tried may be
-- a password typed into the wrong field.  Names of nobody are counted as well,
-- so that the answer does not tell who exists.
CREATE TABLE login_failures (
    key             TEXT NOT NULL,
    failures        INT8 NOT NULL,
    until           TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    CONSTRAINT login_failures_pkey PRIMARY KEY (key)
);

CREATE INDEX login_failures_updated_idx ON login_failures (updated_at);

-- must_change: whoever logs in has no roles until the password is changed;
-- reset_expires: after this the password does not count.
ALTER TABLE users ADD COLUMN must_change BOOL NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN reset_expires TIMESTAMPTZ NULL;
