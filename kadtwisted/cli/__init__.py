"""The ``kad`` command."""
