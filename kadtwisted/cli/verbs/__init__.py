"""The verbs of ``kad``, a module for each group, and what only they need."""
