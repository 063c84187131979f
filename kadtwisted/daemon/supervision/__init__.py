"""Watching over a daemon: its service manager, the watchdog, its health and its ports."""
