"""What pytest needs to know of ``tests`` and ``long_tests``; trial never reads this file."""

from __future__ import annotations

import gc
import unittest

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the TestCases first.

    A test run by pytest-twisted keeps the reactor going between tests, and a ``trial`` TestCase
    after it would find the reactor dirty (pytest-twisted#93).  Sorting is stable otherwise.
    """
    items.sort(key=lambda item: not _is_test_case(item))


def pytest_collection_finish() -> None:
    """Put away the modules of all tests, which live to the end.

    Python's collector else looks through them again and again: of `pytest -n0 tests -k
    test_values_stay_though_members_go` the test took 1.9 s then, and takes 1.0 s.
    """
    gc.collect()
    gc.freeze()


def _is_test_case(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    return cls is not None and issubclass(cls, unittest.TestCase)
