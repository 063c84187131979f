"""The tests, one folder per room of the package; ``trial tests`` and ``pytest`` both run them."""
