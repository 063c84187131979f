"""The verbs of ``kad``, a module for each group."""
