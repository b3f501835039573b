-- Modalities are created, changed and deactivated like the other resources.

-- search: folded words; created_as: digest of the body that made the row
ALTER TABLE modalities ADD COLUMN id UUID NOT NULL
    DEFAULT gen_random_uuid() UNIQUE;
ALTER TABLE modalities ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE modalities ADD COLUMN version INT8 NOT NULL DEFAULT 1;
ALTER TABLE modalities ADD COLUMN created_as TEXT NOT NULL DEFAULT '';
ALTER TABLE modalities ADD COLUMN created_at TIMESTAMPTZ NOT NULL DEFAULT now();
ALTER TABLE modalities ADD COLUMN updated_at TIMESTAMPTZ NOT NULL DEFAULT now();
