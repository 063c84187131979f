"""A node as a service of a Twisted application."""
