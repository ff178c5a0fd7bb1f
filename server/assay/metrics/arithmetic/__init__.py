"""Exact arithmetic on arrays: sums that do not depend on order, and products of integers."""
