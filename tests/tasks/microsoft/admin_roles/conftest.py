"""What tests of the scan of administrator roles may ask for: a directory that was written down, and a scan of it through the real
gateway.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tasks.providers.base import OperationResult
from tasks.providers.microsoft.admin_roles import MicrosoftRolesCollector

if TYPE_CHECKING:
    from written_roles import Written


def _load(name: str) -> ModuleType:
    """Imports a module that is beside this file; test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


written_roles = _load("written_roles")


@pytest.fixture
def written(new_tenant: Callable[..., Any]) -> Written:
    """A directory with two Global Administrators and nothing to find."""
    one: Written = written_roles.Written(new_tenant())
    one.assign(one.person("Ada"))
    one.assign(one.person("Bob"))
    return one


@pytest.fixture
def scan(gateway: Any, target_for: Any, reporter: Any) -> Callable[..., OperationResult]:
    def do(written: Written, reporter: Any = reporter) -> OperationResult:
        written.script()
        return MicrosoftRolesCollector(gateway).collect_roles(target_for(written.tenant), reporter)

    return do
