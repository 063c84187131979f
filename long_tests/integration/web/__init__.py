"""Real daemons with their web door open."""
