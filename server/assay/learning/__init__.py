"""Training of models: rows in, models and their predictions out. Pure computation; no I/O.

rows             the canonical rows of each task type, which datasets store and learners read
hyperparameters  every hyperparameter: type, range, default and meaning; `resolve`
learner          what a family of models implements: summaries, featurizers, learners
families         `family_of`: the family that trains a task type with given hyperparameters
text             texts as n-grams; image_family, word_tagging: images, and words of extraction
predictor        what predicts rows, wherever it is from
onnx_model       a model of an ONNX file; onnx_examination: whether a file can be one
model            a trained model: `Model.predict`, `encode` and `decode`
calibration      Platt scaling of probabilities on held-out rows
artifact         canonical bytes of facts and arrays, without pickle, read without a copy
errors           `DataError`: rows that nothing can be trained on

Equal rows, hyperparameters and seeds give equal bits on one machine with one set of libraries.
"""
