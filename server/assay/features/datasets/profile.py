"""The profile of a revision: what its splits hold, and what speaks against learning from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay.features.datasets.model import SPLITS
from assay.features.datasets.overlap import SplitOverlap, overlaps, repeated_rows
from assay.features.datasets.stored_split import (
    FeatureColumn,
    Lengths,
    SplitBlobs,
    SplitManifest,
    read_manifest,
)
from assay.kernel.errors import clip
from assay.records import Record

MOST_NAMED = 5  # classes or columns that a warning names
TRAIN = "train"


class SplitProfile(Record):
    """What one split holds."""

    split: str  # train, validation or test
    rows: int  # how many there are
    bytes: int  # of its blocks, as they rest
    labels: Mapping[str, int]  # rows of each class; of extraction, rows that have the field
    features: tuple[FeatureColumn, ...]  # of tabular rows
    lengths: Mapping[str, Lengths]  # by unit: characters, pages, words, pixels, bytes
    repeated_rows: int  # rows whose content is that of a row before them


class RevisionProfile(Record):
    """The profile of a revision."""

    splits: tuple[SplitProfile, ...]  # in the order of SPLITS
    overlaps: tuple[SplitOverlap, ...]  # of each two splits
    warnings: tuple[str, ...]  # for people; empty when nothing is wrong


def revision_profile(manifests: Mapping[str, str], blobs: SplitBlobs) -> RevisionProfile:
    """Return the profile of splits, given by the addresses of their manifests.

    Reads every block, a column or two of each; runs in a compute child.
    """
    splits = {name: read_manifest(address, blobs) for name, address in manifests.items()}
    shared = overlaps(splits, blobs)
    profiles = tuple(
        SplitProfile(
            split=name,
            rows=splits[name].rows,
            bytes=sum(block.bytes for block in splits[name].blocks),
            labels=splits[name].labels,
            features=splits[name].features,
            lengths=splits[name].lengths,
            repeated_rows=repeated_rows(splits[name], blobs),
        )
        for name in SPLITS
        if name in splits
    )
    warnings = (*leakage_warnings(shared), *_label_warnings(splits), *_feature_warnings(splits))
    return RevisionProfile(splits=profiles, overlaps=shared, warnings=warnings)


def leakage_warnings(shared: tuple[SplitOverlap, ...]) -> Iterator[str]:
    """Yield a warning of each two splits that have something in common."""
    for one in shared:
        rows = ", ".join(clip(row, 40) for row in one.examples)
        equal = f"{one.equal_rows} row(s) of {one.second} have the content of rows of {one.first}"
        found = [f"{equal} (row ids {rows})"] * bool(one.equal_rows)
        found += [f"{one.row_ids} row id(s) stand in both"] * bool(one.row_ids)
        found += [f"{one.groups} group(s) stand in both"] * bool(one.groups)
        if found:
            yield (
                f"Leakage between {one.first} and {one.second}: {'; '.join(found)}. What is "
                f"measured on {one.second} looks better than it is."
            )


def _label_warnings(splits: Mapping[str, SplitManifest]) -> Iterator[str]:
    """Yield a warning of each split that has labels without training rows."""
    train = splits.get(TRAIN)
    if train is None:
        return
    for name in SPLITS[1:]:
        missing = [
            one
            for one in (splits[name].labels if name in splits else ())
            if one not in train.labels
        ]
        if missing:
            yield f"The split {name} has labels without training rows: {_named(missing)}."
    if len(train.labels) == 1:
        yield f"The split {TRAIN} has a single label: {_named(list(train.labels))}."


def _feature_warnings(splits: Mapping[str, SplitManifest]) -> Iterator[str]:
    """Yield a warning of each split whose features are not those of the first one."""
    names = [name for name in SPLITS if name in splits]
    for name in names[1:]:
        known = {one.name: one.kind for one in splits[names[0]].features}
        found = {one.name: one.kind for one in splits[name].features}
        differ = sorted(
            one for one in known.keys() | found.keys() if known.get(one) != found.get(one)
        )
        if differ:
            yield f"The splits {names[0]} and {name} differ in the features {_named(differ)}."


def _named(names: list[str]) -> str:
    shown = ", ".join(f"'{clip(name, 40)}'" for name in names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
