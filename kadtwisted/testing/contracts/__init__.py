"""The contracts of the plugin interfaces, as tests for every implementation."""
