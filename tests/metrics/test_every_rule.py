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
        metrics/test_laws.py::test_merging_is_associative_and_commutative
        metrics/test_statistics.py::test_a_statistic_survives_its_bytes""",
    "2 bit-identical under any sharding and order": """
        metrics/test_laws.py::test_any_order_and_sharding_gives_the_same_measures_and_bytes
        metrics/test_intervals.py::test_any_order_and_sharding_gives_the_same_bootstrap
        metrics/test_slices.py::test_any_order_and_sharding_gives_the_same_slices
        metrics/test_slices.py::test_any_order_gives_the_same_slice_ranks
        metrics/test_misclassification.py::test_any_order_and_sharding_keeps_the_same_errors
        metrics/test_ranking.py::test_merging_ranges_in_any_order_gives_equal_bytes
        features/evaluations/test_job.py::test_no_chunks_change_a_byte
        features/evaluations/test_job.py::test_no_order_changes_a_number
        features/comparisons/test_job.py::test_chunks_change_no_byte""",
    "2 within one recorded numeric environment": """
        metrics/test_statistics.py::test_environment_names_what_bits_depend_on
        kernel/jobs/test_process_pool.py::test_children_compute_in_one_numeric_environment
        features/evaluations/test_job.py::test_partials_of_other_environments_do_not_merge
        features/evaluations/test_job.py::test_a_runner_of_another_environment_refuses_the_job""",
    "2 sums of floats are exact and correctly rounded, products exact two-term products": """
        metrics/test_exact_sum.py::test_sum_is_exact_over_the_whole_range_of_float64
        metrics/test_exact_sum.py::test_products_are_exact_where_the_split_would_overflow_or_underflow
        metrics/test_exact_sum.py::test_a_mean_is_correctly_rounded
        metrics/test_exact_sum.py::test_square_root_is_correctly_rounded
        metrics/test_oracle.py::test_r2_survives_an_offset_of_a_billion""",
    "2 weights are decimals of six places held as millionths": """
        metrics/test_weights.py::test_every_decimal_of_six_places_becomes_its_millionths
        metrics/test_weights.py::test_weights_that_are_no_decimals_of_six_places_are_refused
        metrics/test_weights.py::test_weighted_sums_are_exact
        metrics/test_weights.py::test_whole_weights_are_repeated_rows""",
    "2 ROC AUC is an exact integer rational over score ties": """
        metrics/test_ranking.py::test_area_is_the_exact_rational_over_all_pairs
        metrics/test_ranking.py::test_heavy_ties_are_counted_half""",
    "3 count-derived metrics equal scikit-learn bit for bit, float sums within 1e-12": """
        metrics/test_oracle.py::test_report_equals_scikit_learns_to_the_bit
        metrics/test_oracle.py::test_roc_auc_averages_equal_scikit_learns
        metrics/test_weights.py::test_weighted_labels_are_scikit_learns
        metrics/test_weights.py::test_weighted_scores_are_scikit_learns
        metrics/test_weights.py::test_weighted_errors_are_scikit_learns
        features/evaluations/test_job.py::test_binary_numbers_are_scikit_learns
        features/evaluations/test_job.py::test_multiclass_numbers_are_scikit_learns
        features/evaluations/test_job.py::test_regression_numbers_are_scikit_learns""",
    "3 an oracle compares every metric at every prefix of a stream": """
        metrics/test_oracle.py::test_no_metric_is_without_an_oracle
        metrics/test_oracle.py::test_every_defined_metric_equals_its_oracle_at_every_prefix
        metrics/test_many_cases.py::test_ten_thousand_random_cases_equal_their_oracles""",
    "4 a label is a string, integers by decimal, booleans true/false, floats refused": """
        tabular/test_columns.py::test_integers_and_booleans_are_labels_by_their_text
        tabular/test_columns.py::test_every_spelling_of_strings_is_the_same_label
        tabular/test_files.py::test_labels_of_other_types_are_refused""",
    "4 the label set is declared, else of score columns, else observed, which is echoed": """
        metrics/test_spec.py::test_labels_and_positive_class_are_settled_by_the_rules
        metrics/test_statistics.py::test_observed_labels_merge_to_their_sorted_union
        metrics/test_statistics.py::test_declared_labels_keep_their_order_and_do_not_mix
        tabular/test_columns.py::test_declared_labels_keep_their_order""",
    "4 the positive label is declared or that of an obvious pair, else a lone score is refused": """
        metrics/test_spec.py::test_only_obvious_pairs_have_an_obvious_positive
        metrics/test_spec.py::test_what_the_rules_do_not_settle_is_refused
        tabular/test_columns.py::test_a_lone_score_belongs_to_the_positive_of_an_obvious_pair
        features/evaluations/test_job.py::test_an_unobvious_pair_has_no_positive_class""",
    "4 the headline is the positive class's, or weighted; the rule is echoed": """
        metrics/test_laws.py::test_a_pair_without_a_positive_label_is_averaged
        metrics/test_spec.py::test_a_spec_says_how_scores_are_binned_ranked_and_summed_up
        features/evaluations/test_performance_api.py::test_the_summary_has_the_documented_fields""",
    "4 absent classes count as zero; a division by zero is 0 with a reason": """
        metrics/test_oracle.py::test_absent_classes_are_averaged_as_zero
        metrics/test_laws.py::test_a_single_class_has_no_area_and_no_correlation""",
    "4 the full spec and its hash are stored with every result and echoed": """
        metrics/test_spec.py::test_rules_change_with_every_field
        metrics/test_spec.py::test_a_spec_says_how_scores_are_binned_ranked_and_summed_up
        features/evaluations/test_job.py::test_a_result_bears_its_spec_and_the_hash_of_it""",
    "4 an averaged F1 is the average of the class F1s": """
        metrics/test_oracle.py::test_report_equals_scikit_learns_to_the_bit
        features/evaluations/test_performance_api.py::test_averages_are_those_of_scikit_learn""",
    "4 support is the number of rows, a total weight beside it": """
        metrics/test_weights.py::test_support_stays_the_number_of_rows_with_the_weight_beside_it""",
    "5 a value or a reason": """
        metrics/test_laws.py::test_values_lie_in_the_declared_range_and_every_metric_is_answered
        metrics/test_laws.py::test_no_rows_means_no_value
        metrics/test_laws.py::test_regression_reasons
        metrics/test_laws.py::test_every_metric_and_reason_has_its_paragraph
        metrics/test_weights.py::test_weights_that_add_up_to_zero_say_so
        features/evaluations/test_job_details.py::test_every_metric_has_an_interval_or_a_reason
        features/evaluations/test_convert.py::test_every_metric_is_a_number_or_has_a_reason
        features/evaluations/test_performance_api.py::test_an_undefined_metric_is_absent_and_has_a_reason""",
    "6 NaN and scores outside [0, 1] are refused, never squashed": """
        tabular/test_refusals.py::test_bad_rows_are_named""",
    "6 rows sum to 1 within 1e-6, 1e-4 for float32, unless renormalised": """
        tabular/test_refusals.py::test_bad_rows_are_named
        tabular/test_columns.py::test_float32_scores_may_sum_less_exactly
        tabular/test_columns.py::test_renormalize_divides_by_the_sum""",
    "6 labels outside the set are counted and shown": """
        tabular/test_refusals.py::test_bad_rows_are_named
        tabular/test_refusals.py::test_labels_outside_the_set_are_counted""",
    "7 log loss clips at 2**-52 in float64 and counts the clipped rows": """
        metrics/test_laws.py::test_clipped_rows_are_counted
        metrics/test_laws.py::test_float32_scores_are_measured_as_the_float64_values_they_are""",
    "7 calibration: 15 bins (lo, hi], top label for multi-class, MCE and signed beside it": """
        metrics/test_calibration.py::test_bins_hold_what_lies_above_their_lower_edge_and_their_sums_are_exact
        metrics/test_calibration.py::test_the_reliability_table_is_scikit_learns_calibration_curve
        metrics/test_calibration.py::test_classes_are_calibrated_one_against_the_rest""",
    "7 multi-class AUC: per class, macro over the defined ones with their number, weighted, micro": """
        metrics/test_oracle.py::test_roc_auc_averages_equal_scikit_learns
        metrics/test_laws.py::test_a_class_without_rows_is_left_out_of_the_macro_area
        features/evaluations/test_job_details.py::test_areas_by_class_are_scikit_learns""",
    "7 regression: medians, quantiles, and mape with zero targets counted": """
        metrics/test_order_statistics.py::test_quantiles_and_median_are_numpys_whatever_the_memory
        metrics/test_order_statistics.py::test_zero_targets_are_left_out_of_mape_and_counted""",
    "8 intervals resample records": """
        metrics/test_intervals.py::test_rows_of_a_cluster_are_resampled_together
        features/evaluations/test_job_details.py::test_clusters_are_resampled_together
        features/comparisons/test_job.py::test_clusters_are_what_is_resampled""",
    "9 extraction: overall accuracy is right comparisons over all, on two tracks": """
        extraction/test_field_counts.py::test_overall_accuracy_pools_comparisons
        extraction/test_field_counts.py::test_tracks_are_counted_apart""",
    "9 line items are aligned by an optimal assignment, invariant to permutation": """
        extraction/test_alignment.py::test_rows_are_paired_as_by_trying_every_way
        extraction/test_alignment.py::test_order_of_rows_changes_nothing""",
    "10 columns of scores are counted in ranges within the memory limit": """
        metrics/test_ranking.py::test_ranges_stay_within_the_limit_for_uniform_and_for_saturated_scores
        metrics/test_ranking.py::test_concentrated_scores_are_cut_within_the_memory_limit
        metrics/test_order_statistics.py::test_concentrated_residuals_are_cut_within_the_memory_limit""",
    "10 duplicates are proved by the ids, fail naming 20 and leave the former revision serving": """
        features/evaluations/test_job.py::test_repeated_ids_fail_naming_twenty
        features/evaluations/test_job.py::test_ids_that_share_a_hash_are_not_repeated
        features/evaluations/test_store.py::test_the_old_revision_serves_until_the_new_one_succeeds""",
    "10 the 500 most confident errors of each cell are kept with exact totals": """
        metrics/test_misclassification.py::test_at_most_500_of_a_pair_are_kept
        metrics/test_misclassification.py::test_every_pair_keeps_its_most_confident_errors_and_exact_totals""",
    "10 at most 1000 points a curve, a resolution is a subsample": """
        metrics/test_curves.py::test_at_most_999_points_are_kept_and_no_step_is_wide
        metrics/test_curves.py::test_a_resolution_is_a_subsample_that_keeps_both_ends""",
    "10 at most 200 values per slice column": """
        metrics/test_slices.py::test_more_than_200_values_are_refused_with_their_number
        features/evaluations/test_job_details.py::test_slices_of_too_many_values_fail""",
}

# What bad input gets: a clear status, nothing lost, the server unharmed.
BAD_INPUT: Mapping[str, str] = {
    "a schema that changes between chunks": """
        features/evaluations/test_job.py::test_chunks_of_other_columns_fail_naming_the_row
        features/evaluations/test_job.py::test_weights_in_some_chunks_only_fail
        features/evaluations/test_job_details.py::test_chunks_without_a_slice_or_cluster_fail""",
    "a label table that changes between chunks": """
        features/evaluations/test_job.py::test_a_label_table_may_change_between_chunks
        features/evaluations/test_job.py::test_a_third_label_beside_a_lone_score_fails""",
    "over-long labels, a dictionary with duplicates, dates and nested types as labels": """
        tabular/test_refusals.py::test_bad_rows_are_named
        tabular/test_files.py::test_labels_of_other_types_are_refused""",
    "zip bombs": """
        tabular/test_files.py::test_files_of_another_format_are_told_so
        faults/test_arrow_streams.py::test_a_compressed_bomb_is_refused""",
    "Parquet bombs": """
        faults/test_files.py::test_a_parquet_bomb_is_refused
        faults/test_files.py::test_an_arrow_bomb_is_refused
        faults/test_files.py::test_endless_rows_are_refused""",
    "a million columns": """
        faults/test_files.py::test_a_million_columns_are_refused""",
    "two clients on one upload": """
        features/evaluations/test_uploads_api.py::test_two_clients_on_one_upload_never_tear_it
        features/evaluations/test_uploads_api.py::test_one_stream_uploads_to_one_evaluation""",
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
