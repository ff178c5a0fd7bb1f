"""Feature: keys."""
