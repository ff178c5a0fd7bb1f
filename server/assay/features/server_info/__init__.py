"""Feature: server info."""
