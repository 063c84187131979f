"""A node's verbs, with arguments and results as JSON, and the control socket that performs them."""
