"""Many values at once: keys that are neighbours share a lookup, and holders are asked directly."""
