"""What a node knows of its exchanges: tokens it issued, budgets, endpoints, requests in flight."""
