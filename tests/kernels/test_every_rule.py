"""The numeric contract, sentence by sentence, and the tests that hold it.

A rule without a test is a wish. A test that is renamed or removed is missed here; what is not
built yet stands in LATER, with the issue that brings it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

# Rule → tests, each "file under tests/::test". Numbers are those of the contract's points.
RULES: Mapping[str, str] = {
    "1 metrics are functions of statistics that merge, associative and commutative to the bit": """
        kernels/test_laws.py::test_merging_is_associative_and_commutative
        kernels/test_statistics.py::test_a_statistic_survives_its_bytes""",
    "2 bit-identical under any sharding and order": """
        kernels/test_laws.py::test_any_order_and_sharding_gives_the_same_measures_and_bytes
        kernels/test_intervals.py::test_any_order_and_sharding_gives_the_same_bootstrap
        kernels/test_slices.py::test_any_order_and_sharding_gives_the_same_slices
        kernels/test_slices.py::test_any_order_gives_the_same_slice_ranks
        kernels/test_mistakes.py::test_any_order_and_sharding_keeps_the_same_errors
        kernels/test_ranking.py::test_merging_ranges_in_any_order_gives_equal_bytes
        jobs/test_evaluation.py::test_no_chunks_change_a_byte
        jobs/test_evaluation.py::test_no_order_changes_a_number
        jobs/test_comparison.py::test_chunks_change_no_byte""",
    "2 within one recorded numeric environment": """
        kernels/test_statistics.py::test_environment_names_what_bits_depend_on
        jobs/test_pool.py::test_children_compute_in_one_numeric_environment
        jobs/test_evaluation.py::test_partials_of_other_environments_do_not_merge
        jobs/test_evaluation.py::test_a_runner_of_another_environment_refuses_the_job""",
    "2 sums of floats are exact and correctly rounded, products exact two-term products": """
        kernels/test_exact.py::test_sum_is_exact_over_the_whole_range_of_float64
        kernels/test_exact.py::test_products_are_exact_where_the_split_would_overflow_or_underflow
        kernels/test_exact.py::test_value_is_correctly_rounded
        kernels/test_exact.py::test_square_root_is_correctly_rounded
        kernels/test_oracle.py::test_r2_survives_an_offset_of_a_billion""",
    "2 weights are decimals of six places held as millionths": """
        kernels/test_weights.py::test_every_decimal_of_six_places_becomes_its_millionths
        kernels/test_weights.py::test_weights_that_are_no_decimals_of_six_places_are_refused
        kernels/test_weights.py::test_weighted_sums_are_exact
        kernels/test_weights.py::test_whole_weights_are_repeated_rows""",
    "2 ROC AUC is an exact integer rational over score ties": """
        kernels/test_ranking.py::test_area_is_the_exact_rational_over_all_pairs
        kernels/test_ranking.py::test_heavy_ties_are_counted_half""",
    "3 count-derived metrics equal scikit-learn bit for bit, float sums within 1e-12": """
        kernels/test_oracle.py::test_report_equals_scikit_learns_to_the_bit
        kernels/test_oracle.py::test_roc_auc_averages_equal_scikit_learns
        kernels/test_weights.py::test_weighted_labels_are_scikit_learns
        kernels/test_weights.py::test_weighted_scores_are_scikit_learns
        kernels/test_weights.py::test_weighted_errors_are_scikit_learns
        jobs/test_evaluation.py::test_binary_numbers_are_scikit_learns
        jobs/test_evaluation.py::test_multiclass_numbers_are_scikit_learns
        jobs/test_evaluation.py::test_regression_numbers_are_scikit_learns""",
    "3 an oracle compares every metric at every prefix of a stream": """
        kernels/test_oracle.py::test_no_metric_is_without_an_oracle
        kernels/test_oracle.py::test_every_defined_metric_equals_its_oracle_at_every_prefix
        kernels/test_many_cases.py::test_ten_thousand_random_cases_equal_their_oracles""",
    "4 a label is a string, integers by decimal, booleans true/false, floats refused": """
        unit/test_columns.py::test_integers_and_booleans_are_labels_by_their_text
        unit/test_columns.py::test_every_spelling_of_strings_is_the_same_label
        unit/test_columns_files.py::test_labels_of_other_types_are_refused""",
    "4 the label set is declared, else of score columns, else observed, which is echoed": """
        kernels/test_spec.py::test_labels_and_positive_class_are_settled_by_the_rules
        kernels/test_statistics.py::test_observed_labels_merge_to_their_sorted_union
        kernels/test_statistics.py::test_declared_labels_keep_their_order_and_do_not_mix
        unit/test_columns.py::test_declared_labels_keep_their_order""",
    "4 the positive label is declared or that of an obvious pair, else a lone score is refused": """
        kernels/test_spec.py::test_only_obvious_pairs_have_an_obvious_positive
        kernels/test_spec.py::test_what_the_rules_do_not_settle_is_refused
        unit/test_columns.py::test_a_lone_score_belongs_to_the_positive_of_an_obvious_pair
        jobs/test_evaluation.py::test_an_unobvious_pair_has_no_positive_class""",
    "4 the headline is the positive class's, or weighted; the rule is echoed": """
        kernels/test_laws.py::test_a_pair_without_a_positive_label_is_averaged
        kernels/test_spec.py::test_a_spec_says_how_scores_are_binned_ranked_and_summed_up
        rpc/test_performance.py::test_the_summary_has_the_documented_fields""",
    "4 absent classes count as zero by default; a division by zero is 0 with a reason": """
        kernels/test_oracle.py::test_absent_classes_are_averaged_as_zero_or_left_out
        kernels/test_laws.py::test_a_single_class_has_no_area_and_no_correlation""",
    "4 the full spec and its hash are stored with every result and echoed": """
        kernels/test_spec.py::test_hash_names_the_spec_and_changes_with_every_field
        kernels/test_spec.py::test_a_spec_survives_its_json_and_strange_json_is_refused
        jobs/test_evaluation.py::test_a_result_bears_its_spec_and_the_hash_of_it""",
    "4 an averaged F1 is the average of the class F1s": """
        kernels/test_oracle.py::test_report_equals_scikit_learns_to_the_bit
        rpc/test_performance.py::test_averages_are_those_of_scikit_learn""",
    "4 support is the number of rows, a total weight beside it": """
        kernels/test_weights.py::test_support_stays_the_number_of_rows_with_the_weight_beside_it""",
    "5 a value or a reason": """
        kernels/test_laws.py::test_values_lie_in_the_declared_range_and_every_metric_is_answered
        kernels/test_laws.py::test_no_rows_means_no_value
        kernels/test_laws.py::test_regression_reasons
        kernels/test_laws.py::test_every_metric_and_reason_has_its_paragraph
        kernels/test_weights.py::test_weights_that_add_up_to_zero_say_so
        jobs/test_details.py::test_every_metric_has_an_interval_or_a_reason
        rpc/test_measures.py::test_every_metric_is_a_number_or_has_a_reason
        rpc/test_performance.py::test_an_undefined_metric_is_absent_and_has_a_reason""",
    "6 NaN and scores outside [0, 1] are refused, never squashed": """
        kernels/test_spec.py::test_the_first_bad_score_is_named_by_row_and_column
        unit/test_columns_refusals.py::test_bad_rows_are_named""",
    "6 rows sum to 1 within 1e-6, 1e-4 for float32, unless renormalised": """
        kernels/test_spec.py::test_rows_must_sum_to_one_unless_renormalised
        unit/test_columns.py::test_float32_scores_may_sum_less_exactly
        unit/test_columns.py::test_renormalize_divides_by_the_sum""",
    "6 labels outside the set are counted and shown": """
        unit/test_columns_refusals.py::test_bad_rows_are_named
        unit/test_columns_refusals.py::test_labels_outside_the_set_are_counted""",
    "7 log loss clips at 2**-52 in float64 and counts the clipped rows": """
        kernels/test_laws.py::test_clipped_rows_are_counted
        kernels/test_laws.py::test_float32_scores_are_measured_as_the_float64_values_they_are""",
    "7 calibration: 15 bins (lo, hi], top label for multi-class, MCE and signed beside it": """
        kernels/test_calibration.py::test_bins_hold_what_lies_above_their_lower_edge_and_their_sums_are_exact
        kernels/test_calibration.py::test_the_reliability_table_is_scikit_learns_calibration_curve
        kernels/test_calibration.py::test_classes_are_calibrated_one_against_the_rest""",
    "7 multi-class AUC: per class, macro over the defined ones with their number, weighted, micro": """
        kernels/test_oracle.py::test_roc_auc_averages_equal_scikit_learns
        kernels/test_laws.py::test_a_class_without_rows_is_left_out_of_the_macro_area
        jobs/test_details.py::test_areas_by_class_are_scikit_learns""",
    "7 regression: medians, quantiles, and mape with zero targets counted": """
        kernels/test_order.py::test_quantiles_and_median_are_numpys_whatever_the_memory
        kernels/test_order.py::test_zero_targets_are_left_out_of_mape_and_counted""",
    "8 intervals resample records": """
        kernels/test_intervals.py::test_rows_of_a_cluster_are_resampled_together
        jobs/test_details.py::test_clusters_are_resampled_together
        jobs/test_comparison.py::test_clusters_are_what_is_resampled""",
    "9 extraction: overall accuracy is right comparisons over all, on two tracks": """
        kernels/test_extraction_tally.py::test_overall_accuracy_pools_comparisons
        kernels/test_extraction_tally.py::test_tracks_are_counted_apart""",
    "9 line items are aligned by an optimal assignment, invariant to permutation": """
        kernels/test_extraction_align.py::test_rows_are_paired_as_by_trying_every_way
        kernels/test_extraction_align.py::test_order_of_rows_changes_nothing""",
    "10 columns of scores are counted in ranges within the memory limit": """
        kernels/test_ranking.py::test_ranges_stay_within_the_limit_for_uniform_and_for_saturated_scores
        kernels/test_ranking.py::test_concentrated_scores_are_cut_within_the_memory_limit
        kernels/test_order.py::test_concentrated_residuals_are_cut_within_the_memory_limit""",
    "10 duplicates are proved by the ids, fail naming 20 and leave the former revision serving": """
        jobs/test_evaluation.py::test_repeated_ids_fail_naming_twenty
        jobs/test_evaluation.py::test_ids_that_share_a_hash_are_not_repeated
        storage/test_evaluations.py::test_the_old_revision_serves_until_the_new_one_succeeds""",
    "10 the 500 most confident errors of each cell are kept with exact totals": """
        kernels/test_mistakes.py::test_at_most_500_of_a_pair_are_kept
        kernels/test_mistakes.py::test_every_filter_gives_the_most_confident_errors_and_exact_totals""",
    "10 at most 1000 points a curve, a resolution is a subsample": """
        kernels/test_curves.py::test_at_most_999_points_are_kept_and_no_step_is_wide
        kernels/test_curves.py::test_a_resolution_is_a_subsample_that_keeps_both_ends""",
    "10 at most 200 values per slice column": """
        kernels/test_slices.py::test_more_than_200_values_are_refused_with_their_number
        jobs/test_details.py::test_slices_of_too_many_values_fail""",
}

# What bad input gets: a clear status, nothing lost, the server unharmed.
BAD_INPUT: Mapping[str, str] = {
    "a schema that changes between chunks": """
        jobs/test_evaluation.py::test_chunks_of_other_columns_fail_naming_the_row
        jobs/test_evaluation.py::test_weights_in_some_chunks_only_fail
        jobs/test_details.py::test_chunks_without_a_slice_or_cluster_fail""",
    "a label table that changes between chunks": """
        jobs/test_evaluation.py::test_a_label_table_may_change_between_chunks
        jobs/test_evaluation.py::test_a_third_label_beside_a_lone_score_fails""",
    "over-long labels, a dictionary with duplicates, dates and nested types as labels": """
        unit/test_columns_refusals.py::test_bad_rows_are_named
        unit/test_columns_files.py::test_labels_of_other_types_are_refused""",
    "zip bombs": """
        unit/test_columns_files.py::test_files_of_another_format_are_told_so
        faults/test_chunks.py::test_a_compressed_bomb_is_refused""",
    "Parquet bombs": """
        faults/test_chunks_files.py::test_a_parquet_bomb_is_refused
        faults/test_chunks_files.py::test_an_arrow_bomb_is_refused
        faults/test_chunks_files.py::test_endless_rows_are_refused""",
    "a million columns": """
        faults/test_chunks_files.py::test_a_million_columns_are_refused""",
    "two clients on one upload": """
        rpc/test_uploads.py::test_two_clients_on_one_upload_never_tear_it
        rpc/test_uploads.py::test_one_stream_uploads_to_one_evaluation""",
}

LATER: Mapping[str, str] = {
    "3 seqeval, nervaluate and pycocotools as oracles": "comes with entities and explanations",
    "7 a class row's ECE is N/A on average rows": "comes with the tables of model projects",
    "8 chunks reduce to a record by a declared rule, both levels reported": (
        "comes with the documents that have chunks; until then a chunk's document is its cluster"
    ),
    "9 token level per word, entity level strict IOB2": "comes with entity models",
}


@functools.cache
def functions(path: Path) -> dict[str, str]:
    """Return the test functions of a file with their docstrings."""
    tree = ast.parse(path.read_text())
    return {
        node.name: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("rule", [*RULES, *BAD_INPUT])
def test_every_rule_is_held_by_tests(rule: str) -> None:
    """Each rule of the numeric contract, and each kind of bad input, has tests that exist."""
    named = {**RULES, **BAD_INPUT}[rule].split()
    assert named
    for one in named:
        place, _, name = one.partition("::")
        assert name.startswith("test_")
        assert functions(TESTS / place).get(name), f"{one} is gone, or says nothing"


def test_every_point_of_the_contract_has_rules() -> None:
    """All ten points are named, and what is left for later says what brings it."""
    points = {rule.split()[0] for rule in RULES}
    assert points == {str(number) for number in range(1, 11)}
    assert all(LATER.values())
    assert not LATER.keys() & RULES.keys()
