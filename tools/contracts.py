"""An import-linter contract: which third-party libraries each package may import.

import-linter's own `forbidden` contract is a list of what is refused, so a library
that nobody thought of passes. This one is a list of what is allowed.
"""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class ThirdPartyContract(Contract):
    """Rows of `module = library library …`; the first row that holds a module decides."""

    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 — the signature is import-linter's
        """Return a broken check if any module imports a library that its package may not."""
        packages = [self._row(line) for line in self.packages]  # type: ignore[attr-defined]  # a field becomes a list at run time
        found = []
        for importer in sorted(graph.modules):
            if not _is_ours(importer):
                continue
            allowed = next(
                (libraries for package, libraries in packages if _holds(package, importer)), None
            )
            if allowed is None:
                continue
            for library in sorted(graph.find_modules_directly_imported_by(importer)):
                root = library.partition(".")[0]
                if _is_ours(library) or root in sys.stdlib_module_names or root in allowed:
                    continue
                found.append((importer, root))
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed."""
        for importer, library in check.metadata["found"]:
            output.print_error(f"{importer} may not import {library}", bold=False)

    @staticmethod
    def _row(line: str) -> tuple[str, frozenset[str]]:
        package, _, libraries = line.partition("=")
        return package.strip(), frozenset(libraries.split())


def _is_ours(module: str) -> bool:
    return _holds("assay", module)


def _holds(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")
