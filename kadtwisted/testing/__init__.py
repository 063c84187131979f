"""What tests of this package, and of programs built on it, need: ships with the package."""
