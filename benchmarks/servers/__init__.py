"""The servers under test, each a process of its own."""
