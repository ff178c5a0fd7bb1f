"""Executors, which compute tasks: a pool of local processes."""
