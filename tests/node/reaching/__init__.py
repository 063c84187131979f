"""Tests of whether others can reach a node."""
