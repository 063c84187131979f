"""Tests of `kadtwisted/application`."""
