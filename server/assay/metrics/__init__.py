"""Statistics that merge, and the measures read off them. Arrays in, values out; no I/O.

spec         what is measured; `classification_spec` settles labels and the positive class
scores       checks of probabilities before they are measured
weights      `millionths`: row weights as whole numbers
statistics   the mergeable partial of a chunk: `from_chunk`, `merge_all`, `to_bytes`, `from_bytes`
ranking      areas and curves: `rank_ranges` plans, `count_range` sorts one range of a column
order        quantiles of residuals: `residual_ranges` plans, `count_residuals` reads once
registry     METRICS, `evaluate` (everything) and `live` (what needs no sorting)
report       `class_report`: per class and averaged
curves       what each kept threshold gives; `RankCounts.curve`
intervals    Wilson, DeLong, McNemar and paired areas
bootstrap    mergeable replicates, their intervals and paired ones
slices       a statistic per value of a column
mistakes     the most confident errors of each pair of labels
environment  what the bits of a result may depend on

A new metric is a kernel (a Part, if what it reads is not there yet), a row in `of_labels`,
`of_scores` or `of_numbers`, an oracle row in tests/kernels and a paragraph in docs/metrics.md.
"""
