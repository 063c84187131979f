"""Verbs of ``kad`` as processes that stay."""
