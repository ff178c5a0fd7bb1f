"""The interceptors that every call passes, one concern a file."""
