-- How many holders a pinned record must have.
ALTER TABLE publications ADD COLUMN pin INTEGER NOT NULL DEFAULT 0; -- 0: not pinned
