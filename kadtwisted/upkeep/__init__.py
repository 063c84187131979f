"""What the upkeep of a node does and when: pure schedules and estimates."""
