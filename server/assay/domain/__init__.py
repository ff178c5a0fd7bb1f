"""What Assay talks about: frozen values, ids, states and errors; no I/O and no wire types."""
