"""What runs: executors, kinds of job, and the runner that drives the ledger."""
