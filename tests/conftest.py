"""What pytest needs to know; trial never reads this file."""

from __future__ import annotations

import unittest

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the TestCases first.

    A test run by pytest-twisted keeps the reactor going between tests, and a ``trial`` TestCase
    after it would find the reactor dirty (pytest-twisted#93).  Sorting is stable otherwise.
    """
    items.sort(key=lambda item: not _is_test_case(item))


def _is_test_case(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    return cls is not None and issubclass(cls, unittest.TestCase)
