"""Files of JSON that commands are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.client import BadInput


def read_json(file: Path) -> Any:
    """Return what a file of JSON holds; raises BadInput where it cannot be read or is no JSON."""
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise BadInput(f"{file} is not JSON: {error}.") from error
