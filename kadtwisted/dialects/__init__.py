"""All that differs between networks, brought together in one frozen value each."""
