"""What a node answers to others, and the records it keeps for them."""
