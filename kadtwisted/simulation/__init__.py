"""Networks of thousands of real nodes in one process, in simulated time, from one seed."""
