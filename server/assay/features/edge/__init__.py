"""Feature: edge."""
