"""Records in an LMDB file."""
