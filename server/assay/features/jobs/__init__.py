"""Feature: jobs."""
