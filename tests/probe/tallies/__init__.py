"""The feature of tallies: the smallest one that has everything a feature may have."""
