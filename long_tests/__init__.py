"""Tests that take long: campaigns, whole experiments, pages played through, kills, damage.

The folders are those of ``tests/``, which has quick siblings of all that stands here.  ``pytest``
without a path and ``trial tests`` leave them out; ``pytest long_tests`` and ``trial long_tests``
run them, and ``.ci/run`` runs both.
"""
