"""What runs a daemon: systemd's unit files, a service manager of our own, twistd and twist."""
