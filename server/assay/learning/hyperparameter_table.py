"""The table of hyperparameters, in the order in which they are shown."""

from __future__ import annotations

from typing import Final

from assay.learning.hyperparameter import Affects, Hyperparameter
from assay.learning.images import MAX_SIZE, MIN_SIZE
from assay.learning.rows import TaskType

TEXT = TaskType.TEXT_CLASSIFICATION
IMAGE = TaskType.IMAGE_CLASSIFICATION
EXTRACTION = TaskType.EXTRACTION

LINEAR = "linear"
GRADIENT_BOOSTING = "gradient_boosting"
MAXIMUM_ENTROPY = "maximum_entropy"
ALGORITHMS: Final = {
    TaskType.TABULAR_CLASSIFICATION: (GRADIENT_BOOSTING, LINEAR),
    TaskType.TABULAR_REGRESSION: (GRADIENT_BOOSTING, LINEAR),
    TEXT: (LINEAR,),
    IMAGE: (LINEAR,),
    EXTRACTION: (MAXIMUM_ENTROPY,),
}  # the first of each is the default
GRADIENT = frozenset({LINEAR, MAXIMUM_ENTROPY})  # algorithms that step down a gradient
CLASSES = frozenset({TaskType.TABULAR_CLASSIFICATION, TEXT, IMAGE})
TABULAR = (TaskType.TABULAR_CLASSIFICATION, TaskType.TABULAR_REGRESSION)
BOOSTING = frozenset({GRADIENT_BOOSTING})

_FEATURES, _LEARNING, _JOB, _NOTHING = Affects

_GIVEN = (
    Hyperparameter(
        name="algorithm",
        type=str,
        default=LINEAR,
        defaults={task_type: names[0] for task_type, names in ALGORITHMS.items()},
        choices=(LINEAR, GRADIENT_BOOSTING, MAXIMUM_ENTROPY),
        affects=_FEATURES,
        meaning="Family of models. Tabular rows: gradient_boosting or linear; texts and images:"
        " linear; extraction: maximum_entropy.",
    ),
    Hyperparameter(
        name="seed",
        type=int,
        default=0,
        low=0,
        high=2**31 - 1,
        affects=_LEARNING,
        meaning="Seed of all that is drawn at random; equal seeds give equal models.",
    ),
    Hyperparameter(
        name="num_train_epochs",
        type=int,
        default=10,
        defaults={GRADIENT_BOOSTING: 100, **dict.fromkeys(TABULAR, 30), TEXT: 5},
        low=1,
        high=10_000,
        affects=_LEARNING,
        meaning="Passes over the training split; of gradient boosting its rounds.",
    ),
    Hyperparameter(
        name="learning_rate",
        type=float,
        default=5e-5,
        defaults={GRADIENT_BOOSTING: 0.1, **dict.fromkeys(TABULAR, 2.5e-4)},
        low=0,
        high=10,
        above=True,
        affects=_LEARNING,
        meaning="Size of a step, in a unit in which 5e-05 suits most texts (times 2e5 for gradient"
        " descent on texts, times 200 for Adam, times 2000 for Adam on words of extraction); of gradient boosting the shrinkage of a tree.",
    ),
    Hyperparameter(
        name="batch_size",
        type=int,
        default=32,
        defaults={EXTRACTION: 4},
        low=1,
        high=8192,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Chunks of a step's gradient.",
    ),
    Hyperparameter(
        name="gradient_accumulation_steps",
        type=int,
        default=1,
        low=1,
        high=1024,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Batches whose gradients are added up before a step; of at most 8192 chunks together.",
    ),
    Hyperparameter(
        name="weight_decay",
        type=float,
        default=0.0,
        low=0,
        high=1,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Part of each weight that a step takes off (AdamW), times 200 learning rates.",
    ),
    Hyperparameter(
        name="adam_epsilon",
        type=float,
        default=1e-8,
        low=0,
        high=1,
        above=True,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Added to the root of Adam's second moment; texts are learned without Adam.",
    ),
    Hyperparameter(
        name="max_grad_norm",
        type=float,
        default=1.0,
        low=0,
        high=1e6,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Greatest Euclidean norm of a step's gradient, which is scaled down to it; 0 is off.",
    ),
    Hyperparameter(
        name="lr_scheduler_type",
        type=str,
        default="linear",
        choices=("constant", "constant_with_warmup", "linear", "cosine"),
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Course of the learning rate over all steps: unchanged, or falling to 0.",
    ),
    Hyperparameter(
        name="warmup_ratio",
        type=float,
        default=0.0,
        low=0,
        high=1,
        affects=_LEARNING,
        scopes=GRADIENT,
        meaning="Part of all steps over which the learning rate rises from 0; `constant` has none.",
    ),
    Hyperparameter(
        name="loss_type",
        type=str,
        default="ce",
        choices=("ce", "ce_ins"),
        affects=_LEARNING,
        scopes=CLASSES | {EXTRACTION},
        meaning="Cross-entropy, or with ce_ins weighted by class: 1 / n ** class_weights_ins_power"
        " for a class of n training chunks, scaled to a mean of 1 over all chunks.",
    ),
    Hyperparameter(
        name="class_weights_ins_power",
        type=float,
        default=0.3,
        low=0,
        high=10,
        affects=_LEARNING,
        scopes=CLASSES | {EXTRACTION},
        meaning="Power of a class's weight under loss_type ce_ins.",
    ),
    Hyperparameter(
        name="max_length",
        type=int,
        default=512,
        low=8,
        high=65_536,
        affects=_FEATURES,
        scopes=frozenset({TEXT, EXTRACTION}),
        meaning="Most words of a chunk; a longer record is cut into several.",
    ),
    Hyperparameter(
        name="chunk_overlap",
        type=int,
        default=64,
        low=0,
        high=65_535,
        affects=_FEATURES,
        scopes=frozenset({TEXT, EXTRACTION}),
        meaning="Words that a chunk shares with the one before; less than max_length.",
    ),
    Hyperparameter(
        name="npages_to_filter",
        type=int,
        default=0,
        low=0,
        high=100_000,
        affects=_FEATURES,
        scopes=frozenset({TEXT}),
        meaning="Pages of a record that are read, from its first; 0 reads all.",
    ),
    Hyperparameter(
        name="validation_set_size",
        type=float,
        default=0.2,
        low=0,
        high=0.9,
        affects=_JOB,
        meaning="Part of the training split that is held out where a dataset has no validation"
        " split; 0 holds none out.",
    ),
    Hyperparameter(
        name="early_stopping_patience",
        type=int,
        default=0,
        low=0,
        high=10_000,
        affects=_JOB,
        meaning="Epochs without a lower validation loss after which training stops, and the epoch"
        " of the lowest loss is kept; 0 is off.",
    ),
    Hyperparameter(
        name="do_calibration",
        type=bool,
        default=False,
        affects=_JOB,
        scopes=CLASSES | {EXTRACTION},
        meaning="Fit the probabilities to how often they are right, on the validation rows; of extraction"
        " those of words.",
    ),
    Hyperparameter(
        name="calibration_model",
        type=str,
        default="PlattScalingCalibrationModel",
        choices=("PlattScalingCalibrationModel",),
        affects=_JOB,
        scopes=CLASSES | {EXTRACTION},
        meaning="Form of the calibration: a sigmoid for each class.",
    ),
    Hyperparameter(
        name="do_hyperparam_optimization",
        type=bool,
        default=False,
        affects=_JOB,
        meaning="Search for better hyperparameters, and train with the best.",
    ),
    Hyperparameter(
        name="hp_search_num_trials",
        type=int,
        default=20,
        low=1,
        high=1000,
        affects=_JOB,
        meaning="Trials of a search.",
    ),
    Hyperparameter(
        name="hp_search_param_space",
        type=list,
        default=[],
        affects=_JOB,
        meaning="Hyperparameters that trials change: {name, type: categorical, choices} or"
        " {name, type: int or float, low, high, step, log}; empty is a space of its own.",
    ),
    Hyperparameter(
        name="model_name",
        type=str,
        default="assay",
        affects=_NOTHING,
        meaning="Name of a pretrained model.",
    ),
    Hyperparameter(
        name="model_source",
        type=str,
        default="assay",
        affects=_NOTHING,
        meaning="Origin of a pretrained model.",
    ),
    Hyperparameter(
        name="task_type",
        type=str,
        default="classification",
        defaults={TaskType.TABULAR_REGRESSION: "regression", EXTRACTION: "extraction"},
        affects=_NOTHING,
        meaning="The dataset has a task type.",
    ),
    Hyperparameter(
        name="task_name",
        type=str,
        default="SEQUENCE_CLASSIFICATION",
        defaults={TaskType.TABULAR_REGRESSION: "REGRESSION", EXTRACTION: "TOKEN_CLASSIFICATION"},
        affects=_NOTHING,
        meaning="The dataset has a task type.",
    ),
    Hyperparameter(
        name="use_mixed_precision",
        type=bool,
        default=False,
        affects=_NOTHING,
        meaning="Weights are float32, and their sums float64.",
    ),
)

_OF_TEXT = (
    Hyperparameter(
        name="word_ngrams",
        type=int,
        default=1,
        low=0,
        high=5,
        affects=_FEATURES,
        scopes=frozenset({TEXT}),
        own=True,
        meaning="Longest sequence of words that is a feature; 0 is none.",
    ),
    Hyperparameter(
        name="char_ngrams",
        type=int,
        default=3,
        low=0,
        high=8,
        affects=_FEATURES,
        scopes=frozenset({TEXT}),
        own=True,
        meaning="Longest sequence of a word's characters that is a feature; 0 is none.",
    ),
    Hyperparameter(
        name="hash_bits",
        type=int,
        default=18,
        low=8,
        high=22,
        affects=_FEATURES,
        scopes=frozenset({TEXT, EXTRACTION}),
        own=True,
        meaning="Features are counted in 2 ** hash_bits places, by their hash.",
    ),
    Hyperparameter(
        name="min_document_frequency",
        type=int,
        default=2,
        low=1,
        high=1_000_000,
        affects=_FEATURES,
        scopes=frozenset({TEXT, EXTRACTION}),
        own=True,
        meaning="Training chunks, of extraction words, that a feature must be in.",
    ),
)

_OF_IMAGES = (
    Hyperparameter(
        name="image_size",
        type=int,
        default=32,
        low=MIN_SIZE,
        high=MAX_SIZE,
        affects=_FEATURES,
        scopes=frozenset({IMAGE}),
        own=True,
        meaning="Side, in pixels, of the square that images are scaled to.",
    ),
)

_OF_TABLES = (
    Hyperparameter(
        name="min_category_count",
        type=int,
        default=2,
        low=1,
        high=1_000_000,
        affects=_FEATURES,
        scopes=frozenset(TABULAR),
        own=True,
        meaning="Training rows that a category must be in; rarer ones are one category.",
    ),
    Hyperparameter(
        name="max_leaf_nodes",
        type=int,
        default=31,
        low=2,
        high=1024,
        affects=_LEARNING,
        scopes=BOOSTING,
        own=True,
        meaning="Most leaves of a tree.",
    ),
    Hyperparameter(
        name="max_depth",
        type=int,
        default=0,
        low=0,
        high=64,
        affects=_LEARNING,
        scopes=BOOSTING,
        own=True,
        meaning="Most splits between a tree's root and a leaf; 0 has no limit.",
    ),
    Hyperparameter(
        name="min_samples_leaf",
        type=int,
        default=20,
        low=1,
        high=1_000_000,
        affects=_LEARNING,
        scopes=BOOSTING,
        own=True,
        meaning="Fewest training rows of a leaf.",
    ),
    Hyperparameter(
        name="l2_regularization",
        type=float,
        default=0.0,
        low=0,
        high=1e6,
        affects=_LEARNING,
        scopes=BOOSTING,
        own=True,
        meaning="Penalty on the squares of a tree's values.",
    ),
    Hyperparameter(
        name="max_bins",
        type=int,
        default=255,
        low=2,
        high=255,
        affects=_FEATURES,
        scopes=BOOSTING,
        own=True,
        meaning="Bins that a feature's numbers are sorted into.",
    ),
)

TABLE: Final = (*_GIVEN, *_OF_TEXT, *_OF_IMAGES, *_OF_TABLES)
BY_NAME: Final = {row.name: row for row in TABLE}
