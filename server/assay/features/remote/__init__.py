"""Models that somebody else serves over the Open Inference Protocol."""
