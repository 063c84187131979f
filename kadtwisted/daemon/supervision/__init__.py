"""What watches over a daemon: the service manager, its watchdog, health and ports."""
