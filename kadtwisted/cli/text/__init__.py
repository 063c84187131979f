"""How ``kad`` writes for people."""
