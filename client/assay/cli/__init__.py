"""The command line: start the service, call it, and tell what it said."""
