-- Objects of the store that no row may name any more: written in the
-- transaction that removes their rows, worked off by the node, which looks
-- again whether a row names them before it removes them.
CREATE TABLE discarded (
    location        TEXT NOT NULL,
    at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT discarded_pkey PRIMARY KEY (location)
);

CREATE INDEX discarded_at_idx ON discarded (at);
