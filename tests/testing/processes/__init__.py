"""Tests of the campaigns with real daemons: their parts here, the whole in tests/integration."""
