"""What waits to be done in the background, and when: pure schedules."""
