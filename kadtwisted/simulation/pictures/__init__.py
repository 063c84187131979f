"""Pictures of the results of simulations, drawn from documents with matplotlib."""
