"""Pictures of what a simulation found, drawn from its document; needs the extra ``pictures``."""
