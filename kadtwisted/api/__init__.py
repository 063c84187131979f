"""The verbs of a node for every door: arguments and results as JSON, and the control socket."""
