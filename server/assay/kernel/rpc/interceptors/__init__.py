"""The links of the chain that every call passes, one concern a file."""
