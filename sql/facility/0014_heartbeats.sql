-- Which servers of this facility live: each writes its row every ten seconds.
-- host: the machine's name and the server's port.
CREATE TABLE heartbeats (
    name            TEXT NOT NULL,
    type            TEXT NOT NULL,
    host            TEXT NOT NULL,
    status          TEXT NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    seen_at         TIMESTAMPTZ NOT NULL,
    CONSTRAINT heartbeats_pkey PRIMARY KEY (name, type, host),
    CONSTRAINT heartbeats_type_check CHECK (type IN ('facility', 'node')),
    CONSTRAINT heartbeats_status_check CHECK (status IN ('ok', 'degraded'))
);
