"""What a setting is: how a field says it, the kinds of values, and times as people write them."""
