"""Attacks with PROBE, PUNCH and INTRODUCE, which make nodes send to others than who asks them."""
