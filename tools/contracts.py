"""Contracts of import-linter: the libraries of each package, and the layers inside a feature.

import-linter's own `forbidden` contract is a list of what is refused, so a library
that nobody thought of passes. The one here is a list of what is allowed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

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


class FeatureLayersContract(Contract):
    """Layers inside each package of `container`, from the top down, as patterns of module names.

    A module that no pattern matches stands in no layer. What `private` matches is imported by no
    other package of the container.
    """

    container = fields.StringField()
    layers = fields.ListField(subfield=fields.StringField())
    private = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 — the signature is import-linter's
        """Return a broken check if a module imports a higher layer, or a private module."""
        found = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if self._is_broken(importer, imported)
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed."""
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} may not import {imported}", bold=False)

    def _is_broken(self, importer: str, imported: str) -> bool:
        one, other = self._place(importer), self._place(imported)
        if one is None or other is None:
            return False
        if one[0] != other[0]:
            return re.fullmatch(self.private, other[1]) is not None  # type: ignore[call-overload]  # a field becomes a text at run time
        return next(self._ranks(one[1]), 0) > next(self._ranks(other[1]), sys.maxsize)

    def _ranks(self, name: str) -> Iterator[int]:
        """Yield the place of the layer that a module is in, counted from the top."""
        for rank, pattern in enumerate(self.layers):  # type: ignore[arg-type, var-annotated]  # as above
            if re.fullmatch(pattern, name):
                yield rank

    def _place(self, module: str) -> tuple[str, str] | None:
        """Return the package and the name of a module of the container."""
        package, _, name = module.removeprefix(f"{self.container}.").partition(".")
        return (package, name) if _holds(str(self.container), module) and name else None


def _is_ours(module: str) -> bool:
    return _holds("assay", module)


def _holds(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")
