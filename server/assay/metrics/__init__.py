"""Statistics that merge, and the metrics that are computed from them. Arrays in, values out; no I/O.

spec               what is measured; `classification_spec` settles labels and the positive class
statistics         the accumulators of a chunk or of any union of chunks
ranking            areas and curves: `rank_ranges` plans, `count_range` sorts one range of a column
order_statistics   quantiles of residuals: `residual_ranges` plans, `count_residuals` reads once
registry           METRICS, `evaluate` (everything) and `live` (what needs no sorting)
classification, probability, regression   the metrics by what they are computed from
classification_report   `class_report`: per class and averaged
curves             what each kept threshold gives; `RankCounts.curve`
intervals          Wilson, DeLong, McNemar and paired areas
resampling         mergeable bootstrap replicates, their intervals and paired ones
slices             a statistic per value of a column
misclassification  the most confident errors of each pair of labels
arithmetic         exact sums and products of integers
environment        what the bits of a result may depend on

A new metric is a function and its registry row in `classification`, `probability` or `regression`,
an oracle row in tests/metrics and a paragraph in docs/metrics.md. One that needs what no
accumulator holds adds a class like those of `losses` to the union of its task in `statistics`.
"""
