"""The durable job ledger, its runner and its executors."""
