"""Explanations of single predictions: what in the input speaks for and against a class. Pure.

explaining     `explain`, `explain_batch` and `can_explain`, for any predictor
values         what is found, and its document
log_odds       the scale that scores add up on, and how decision values become it
linear_text    exact contributions of words, for text models trained here
linear_table   exact contributions of features, for linear models of tabular rows
trees          exact Shapley values of features, for gradient boosting
images, masks  regions of images, found by covering windows, and their run lengths
segments       parts of images of like colour, over which what windows are worth is averaged
shapley        Shapley values by what a game says of coalitions
sampled_text, sampled_table   those of words and features, for models that can only be asked
"""
