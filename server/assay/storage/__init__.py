"""What is durable: the SQL stores behind their Protocols, the job ledger, columns and blobs."""
