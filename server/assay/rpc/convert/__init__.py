"""Domain values to wire messages and back; the only place where the two vocabularies meet."""
