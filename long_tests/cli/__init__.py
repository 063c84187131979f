"""Tests of `kadtwisted/cli`."""
