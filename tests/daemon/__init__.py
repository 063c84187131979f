"""Tests of `kadtwisted/daemon`."""
