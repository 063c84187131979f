"""What systemd is given: unit files, and a service manager of our own."""
