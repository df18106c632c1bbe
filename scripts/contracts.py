"""The import-linter contract that the ready-made ones cannot say without listing every plugin."""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

from scripts.packages import import_name, manifest


class DeclaredOnly(Contract):
    """npdl_core imports the standard library and what its ``pyproject.toml`` requires: so no plugin, ever.

    ``optional`` names what else it may import where that is installed, and does without elsewhere.
    """

    optional = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every other module that core imports, with who imports it."""
        dependencies = manifest(".")["project"]["dependencies"]
        allowed = {"npdl_core", *map(import_name, dependencies), *sys.stdlib_module_names, *self.optional}
        outside = sorted(module for module in graph.modules if module.split(".")[0] not in allowed)
        users = {module: sorted(graph.find_modules_that_directly_import(module)) for module in outside}
        return ContractCheck(kept=not users, metadata={"users": users})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say who imports what."""
        for module, users in check.metadata["users"].items():
            output.print_error(f"{module} is imported by {', '.join(users)}", bold=False)
            output.new_line()
