"""What an experiment found: figures, documents, tables."""
