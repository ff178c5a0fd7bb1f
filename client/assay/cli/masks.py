"""Masks of explained images, drawn over them into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from assay.cli.console import err, refuse
from assay.client import BadInput
from assay.client.types import InferenceResult

Drawing = Callable[[Iterable[InferenceResult], Mapping[str, Path]], None]


def mask_drawing(folder: Path) -> Drawing:
    """Return what draws into a folder; raises BadInput, before anything is sent, if nothing can."""
    try:
        from assay.cli.mask_files import write_mask  # noqa: PLC0415 — the base install has no Pillow
    except ImportError as error:
        raise BadInput(
            "Pictures of masks need Pillow: pip install pillow, or leave --png away."
        ) from error

    def draw(results: Iterable[InferenceResult], images: Mapping[str, Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for result in results:
            explanation = result.explanation or {}
            if "maskRLE" not in explanation:
                continue
            image = images.get(result.input_name)
            if image is None or not image.is_file():
                err.print(
                    f"{result.input_name}: its image is not there; name its folder by --images",
                    style="yellow",
                    markup=False,
                )
                continue
            # The first mask is that of the class with the highest score.
            file = folder / f"{Path(result.input_name).stem}.{result.label}.png"
            write_mask(
                image.read_bytes(),
                explanation["maskRLE"][0],
                height=explanation["dimensions"]["height"],
                width=explanation["dimensions"]["width"],
                file=file,
            )
            err.print(f"wrote {file}", style="dim", markup=False)

    def drawn(results: Iterable[InferenceResult], images: Mapping[str, Path]) -> None:
        try:
            draw(results, images)
        except (OSError, ValueError) as error:
            raise refuse(error) from error

    return drawn
