"""Writing one record: the STOREs under way, what came of them, and what its writer is told."""
