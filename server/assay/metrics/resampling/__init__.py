"""Resampling: replicates of a chunk's statistics, and the intervals that follow from them."""
