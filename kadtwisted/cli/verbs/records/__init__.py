"""The verbs about records: values and what else nodes store."""
