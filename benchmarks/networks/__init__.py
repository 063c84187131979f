"""The whole networks that are measured, and what is done with them."""
