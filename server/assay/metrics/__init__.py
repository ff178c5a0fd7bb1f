"""Statistics that merge, and the measures read off them. Arrays in, values out; no I/O.

spec         what is measured; `classification_spec` settles labels and the positive class
scores       checks of probabilities before they are measured
statistics   the mergeable partial of a chunk: `of_chunk`, `merge_all`, `to_bytes`, `from_bytes`
ranking      ROC AUC: `rank_ranges` plans, `count_range` sorts one range of a stored column
registry     METRICS, `evaluate` (everything) and `live` (what needs no sorting)
report       `class_report`: per class and averaged
environment  what the bits of a result may depend on
"""
