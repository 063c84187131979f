"""What a node is doing, in numbers, as Prometheus and what understands its format read them."""
