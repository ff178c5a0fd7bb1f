"""Masks of explained images, drawn over them into a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assay.cli.console import err
from assay.client import BadInput
from assay.client.types import InferenceResult

Drawing = Callable[[Sequence[InferenceResult], Mapping[str, Path]], None]


def mask_drawing(folder: Path) -> Drawing:
    """Return what draws into a folder, which is made where it is absent.

    Raises BadInput, before anything is sent, if nothing can be drawn there.
    """
    try:
        from assay.cli.mask_files import write_mask  # noqa: PLC0415 — the base install has no Pillow
    except ImportError as error:
        raise BadInput(
            "Pictures of masks need Pillow: pip install pillow, or leave --png away."
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder} is no folder to draw into: {error.strerror}.") from error

    def drawn(results: Sequence[InferenceResult], images: Mapping[str, Path]) -> None:
        for result, name in file_names(results):
            image = images.get(result.input_name)
            if image is None or not image.is_file():
                absent = f"{result.input_name}: its image is not there; name its folder by --images"
                err.print(absent, style="yellow", markup=False)
                continue
            explanation, file = result.explanation or {}, folder / name
            try:
                # The first mask is that of the class with the highest score.
                write_mask(
                    image.read_bytes(),
                    explanation["maskRLE"][0],
                    height=explanation["dimensions"]["height"],
                    width=explanation["dimensions"]["width"],
                    file=file,
                )
            except (OSError, ValueError) as error:
                raise BadInput(f"The mask of {result.input_name}: {error}.") from error
            err.print(f"wrote {file}", style="dim", markup=False)

    return drawn


def file_names(results: Sequence[InferenceResult]) -> list[tuple[InferenceResult, str]]:
    """Return each result that has masks with the name of its picture, which no other one has."""
    masked = [one for one in results if "maskRLE" in (one.explanation or {})]
    if not masked:
        err.print("Nothing is drawn: no result has a mask of an image.", style="yellow")
    stems = Counter(Path(one.input_name).stem for one in masked)
    names = []
    for one in masked:
        stem = Path(one.input_name).stem
        name = stem if stems[stem] == 1 else one.input_name
        names.append((one, f"{name}.{one.label}.png".replace("/", "_")))
    return names
