"""The dashboard: one page for people, at ``/``."""
