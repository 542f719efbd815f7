"""Layers import downwards only, and nothing that they have no business with."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from shop_assets_tests.architecture.imports import Import, imports, modules, unit
from shop_assets_tests.conftest import REPOSITORY

ROOT = REPOSITORY / "shop_assets"

# From the top to the bottom: each knows only what stands below it. What stands in one line is
# independent of each other.
LAYERS = (
    {"cli"},
    {"live"},
    {"definitions", "backfill"},
    {"automation"},
    {"assets"},
    {"checks"},
    {"io_managers"},
    {"resources"},
    {"servers"},
    {"lake", "demo", "dashboard", "onboarding"},
    {"repeated_keys", "partition_span"},
    {"sources", "warehouse", "dagster_storage", "spool"},
    {"transforms", "partitions", "stack"},
    {"settings"},
    {"entities"},
    {"errors", "postgres_driver", "signals"},
)
# The lake's store has no Dagster and is what a resource opens; it stands beside the IO manager.
MOVED = {
    "shop_assets.io_managers.delta_store": "lake",
    "shop_assets.io_managers.delta_table": "lake",
    "shop_assets.io_managers.lake_schema": "lake",
    "shop_assets.io_managers.parquet_writing": "lake",
}
# Whom else than those below it may use, by name.
KNOWN = {
    "transforms": {"entities", "settings"},
    "entities": set(),
    "settings": {"entities", "errors"},
    "stack": {"errors"},
    "sources": {"errors", "postgres_driver", "settings"},
    "warehouse": {"entities", "errors", "postgres_driver", "transforms"},
    "lake": {"entities", "errors", "transforms"},
    "servers": {"lake", "stack", "warehouse"},
    "demo": {"errors", "stack"},
    "onboarding": {"entities", "errors", "settings", "sources", "transforms"},
    "dagster_storage": set(),
    "checks": {
        *("dagster_storage", "entities", "errors", "partition_span", "partitions", "settings"),
        *("transforms", "warehouse"),
    },
}
CALCULATION = {"numpy", "pandas", "pandera", "pyarrow"}
OUTSIDE = {
    "transforms": CALCULATION,
    "entities": CALCULATION,
    "settings": {"pydantic", "sqlalchemy", "yaml"},
}
# Of the standard library: what opens files, sockets and processes.
INPUT_OUTPUT = {
    *("asyncio", "ftplib", "glob", "http", "io", "os", "pathlib", "shutil", "smtplib", "socket"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib"),
}
WITHOUT_DAGSTER = {
    "entities",
    "errors",
    "settings",
    "transforms",
    "sources",
    "warehouse",
    "stack",
    "demo",
    "lake",
    "onboarding",
    "servers",
}


def layer(name: str) -> str | None:
    for module, moved in MOVED.items():
        if name == module or name.startswith(f"{module}."):
            return moved
    return unit(name)


def rank(part: str) -> int:
    [found] = [number for number, parts in enumerate(LAYERS) if part in parts]
    return found


@pytest.fixture(scope="module")
def all_imports() -> list[Import]:
    found = imports(ROOT)
    assert len(found) > 500
    return found


def test_every_part_of_the_package_has_its_layer() -> None:
    known = set().union(*LAYERS)
    parts = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert parts - {"__init__"} <= known


def test_layers_import_downwards_only(all_imports: list[Import]) -> None:
    upwards = []
    for found in all_imports:
        by, of = layer(found.by), layer(found.name)
        if by and of and by != of and unit(found.name) and of != "__init__":
            allowed = rank(by) < rank(of)
            if not allowed:
                upwards.append(str(found))
    assert not upwards


@pytest.mark.parametrize("part", KNOWN)
def test_a_part_knows_only_the_parts_that_it_needs(part: str, all_imports: list[Import]) -> None:
    strangers = [
        str(found)
        for found in all_imports
        if layer(found.by) == part and layer(found.name) not in {None, part, *KNOWN[part]}
    ]
    assert not strangers


def test_transforms_know_of_the_settings_the_mapping_alone(all_imports: list[Import]) -> None:
    used = {
        i.name for i in all_imports if layer(i.by) == "transforms" and unit(i.name) == "settings"
    }
    assert used
    assert all(name.startswith("shop_assets.settings.mapping.") for name in used)


@pytest.mark.parametrize("part", OUTSIDE)
def test_the_lower_layers_stand_on_few_libraries(part: str, all_imports: list[Import]) -> None:
    roots = {(i.name.split(".")[0], str(i)) for i in all_imports if layer(i.by) == part}
    allowed = OUTSIDE[part] | set(sys.stdlib_module_names) | {"shop_assets"}
    assert not [said for root, said in roots if root not in allowed]


@pytest.mark.parametrize("part", ["transforms", "entities"])
def test_calculations_do_no_input_or_output(part: str, all_imports: list[Import]) -> None:
    # The data dictionary is written by a module of its own, which nothing imports.
    touched = [
        str(i)
        for i in all_imports
        if layer(i.by) == part
        and i.by != "shop_assets.entities.dictionary"
        and (
            i.name.split(".")[0] in INPUT_OUTPUT
            or i.name.startswith(("pyarrow.fs", "pyarrow.parquet"))
        )
    ]
    assert not touched
    assert not [str(i) for i in all_imports if i.name.startswith("shop_assets.entities.dictionary")]
    opened = [
        f"{name}:{node.lineno}"
        for name, tree in modules(ROOT)
        if layer(name) == part
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("open", "print", "input")
    ]
    assert not opened


@pytest.mark.parametrize("part", sorted(WITHOUT_DAGSTER))
def test_below_the_assets_nothing_knows_dagster(part: str, all_imports: list[Import]) -> None:
    assert not [str(i) for i in all_imports if layer(i.by) == part and i.name.startswith("dagster")]


def test_only_the_storage_of_dagster_imports_what_is_private_to_it(
    all_imports: list[Import],
) -> None:
    private = [
        i
        for i in all_imports
        if i.name.startswith("dagster") and any(p.startswith("_") for p in i.name.split("."))
    ]
    assert private, "the storage needs some; if no longer, this test can go"
    assert not [str(i) for i in private if unit(i.by) != "dagster_storage"]


def test_no_module_is_called_by_a_name_that_says_nothing() -> None:
    empty = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager\d*|stuff|data)$")
    names = [p for p in ROOT.rglob("*") if p.suffix == ".py" or p.is_dir()]
    assert not [p for p in names if empty.search(p.stem)]


def test_every_module_says_what_it_is_for_and_can_be_held_in_the_head() -> None:
    assert not [name for name, tree in modules(ROOT) if not ast.get_docstring(tree)]
    long = {
        str(p.relative_to(ROOT)): lines
        for p in ROOT.rglob("*.py")
        if (lines := p.read_text("utf-8").count("\n")) >= 400
    }
    assert not long


def test_nothing_runs_what_data_says() -> None:
    dangerous = []
    for name, tree in modules(ROOT):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                shell = any(
                    k.arg == "shell"
                    and not (isinstance(k.value, ast.Constant) and not k.value.value)
                    for k in node.keywords
                )
                if shell or called in _FORBIDDEN_CALLS or called.startswith(_FORBIDDEN_MODULES):
                    dangerous.append(f"{name}:{node.lineno} calls {called}")
    dangerous += [str(i) for i in imports(ROOT) if f"{i.name}.".startswith(_FORBIDDEN_MODULES)]
    assert not dangerous


_FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load"),
    *("yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "pd.eval"),
}
_FORBIDDEN_MODULES = ("pickle.", "cPickle.", "dill.", "cloudpickle.", "marshal.", "shelve.")


def test_the_rules_are_seen_to_be_broken_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "shop_assets" / "entities").mkdir(parents=True)
    source = "def late():\n    import dagster._core\n    from shop_assets.assets import raw\n"
    (tmp_path / "shop_assets" / "entities" / "bad.py").write_text(source)
    found = [str(i) for i in imports(tmp_path / "shop_assets")]
    assert found == [
        "shop_assets.entities.bad:2 imports dagster._core",
        "shop_assets.entities.bad:3 imports shop_assets.assets.raw",
    ]
