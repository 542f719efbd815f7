"""Excel: what a cell says, which rows are broken, and which workbooks are none."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits
from shop_assets_tests.sources.reading import errors, files, good, read
from shop_assets_tests.sources.workbooks import Error, Formula, ods, xls, xlsb, xlsx, zipped

TIME = {"modified": True}
HEAD = ["order", "price"]


def book(folder: Path, content: bytes, *, name: str = "b.xlsx", **more: Any) -> Any:
    """The source with that workbook."""
    (folder / name).write_bytes(content)
    return files(folder, form="excel", time=TIME, **more)


def refused(folder: Path, content: bytes, **more: Any) -> str:
    source = book(folder, content, **more)
    with pytest.raises(SourceError) as refusal:
        read(source)
    said = str(refusal.value)
    assert "\n" not in said
    assert said.startswith(f"shop: {folder}/b.xlsx")
    return said.removeprefix(f"shop: {folder}/b.xlsx")


@pytest.mark.parametrize("references", [True, False])
def test_a_cell_is_what_a_csv_would_say(tmp_path: Path, references: bool) -> None:
    cells: dict[str, tuple[Any, str | None]] = {
        "text": (" as it <stands> ", " as it <stands> "),
        "digits": ("007", "007"),
        "whole": (1200, "1200"),
        "whole float": (1200.0, "1200"),
        "decimal": (0.1, "0.1"),
        "sum": (0.1 + 0.2, "0.30000000000000004"),
        "tiny": (1e-7, "0.0000001"),
        "negative": (-2.5, "-2.5"),
        "date": (dt.date(2026, 3, 29), "2026-03-29"),
        "moment": (dt.datetime(2026, 3, 29, 12, 30), "2026-03-29T12:30:00"),  # noqa: DTZ001
        "time": (dt.time(6, 0), "06:00:00"),
        "duration": (dt.timedelta(hours=30, minutes=15), "30:15:00"),
        "yes": (True, "true"),
        "no": (False, "false"),
        "formula": (Formula("SUM(A1:A2)", 42.0), "42"),
        "nothing": (None, None),
        "last": ("x", "x"),
    }
    content = xlsx({"S": [list(cells), [v for v, _ in cells.values()]]}, references=references)
    assert good(read(book(tmp_path, content))) == [{n: text for n, (_, text) in cells.items()}]


def test_positions_are_the_sheets_rows(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["Report"],
        [],
        ["x", "y"],
        [],
        HEAD,
        ["a", 1],
        [],
        [None, None],
        ["b", 2],
        [],
        [],
    ]
    source = book(tmp_path, xlsx({"S": rows}), header=["order"])
    found = read(source)
    assert [row["_position"] for row in found] == ["b.xlsx:6", "b.xlsx:9"]
    assert good(found) == [{"order": "a", "price": "1"}, {"order": "b", "price": "2"}]


def test_a_sheet_is_taken_by_its_name_or_is_the_first(tmp_path: Path) -> None:
    content = xlsx({"One & only": [["a"], [1]], "Two": [["a"], [2], [Error("#N/A")]]})
    assert good(read(book(tmp_path, content))) == [{"a": "1"}]
    found = read(book(tmp_path, content, sheet="Two"))
    assert good(found) == [{"a": "2"}]
    assert [reason for _, reason, _ in errors(found)] == ["the cell in column A is #N/A"]
    assert refused(tmp_path, content, sheet="Three") == (
        " has no sheet 'Three'; one of One & only, Two is expected"
    )


def test_rows_that_cannot_be_right_are_broken_and_the_others_stay(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        HEAD,
        ["a", 1],
        ["b", Error("#REF!")],
        ["c", 2, None, "more"],
        [120210000000000123, 3],
        ["d"],
        [None, Error("#DIV/0!")],
    ]
    found = read(book(tmp_path, xlsx({"S": rows})))
    assert good(found) == [{"order": "a", "price": "1"}, {"order": "d", "price": None}]
    assert errors(found) == [
        ("b.xlsx:3", "the cell in column B is #REF!", "b\t\t\t"),
        ("b.xlsx:4", "a value stands beyond the header's 2 columns", "c\t2\t\tmore"),
        (
            "b.xlsx:5",
            "order is a number of more digits than Excel keeps; text is expected in it",
            "120210000000000128\t3\t\t",
        ),
        ("b.xlsx:7", "the cell in column B is #DIV/0!", "\t\t\t"),
    ]


def test_an_ods_is_read_without_what_fills_it_up(tmp_path: Path) -> None:
    text = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    number = '<table:table-cell office:value-type="float" office:value="{}"/>'
    empty = '<table:table-cell table:number-columns-repeated="16382"/>'
    filled_up = f'<table:table-row table:number-rows-repeated="1048574">{empty}</table:table-row>'
    rows = (
        f"<table:table-row>{text.format('order')}{text.format('price')}{empty}</table:table-row>"
        f"<table:table-row>{text.format('a')}{number.format('2.5')}{empty}</table:table-row>"
    )
    source = book(tmp_path, ods(rows + filled_up), name="b.ods")
    assert good(read(source)) == [{"order": "a", "price": "2.5"}]
    full = number.format("1").replace("/>", ' table:number-columns-repeated="16384"/>')
    bomb = f'<table:table-row table:number-rows-repeated="1048575">{full}</table:table-row>'
    with pytest.raises(SourceError, match="spans 1,048,577 rows and 16,384 columns"):
        read(book(tmp_path, ods(rows.replace(empty, "") + bomb), name="b.ods"))


def test_an_xlsb_is_read_with_its_errors(tmp_path: Path) -> None:
    rows: list[list[Any]] = [HEAD, ["a", 2.5], ["b", Error("#REF!")], ["c", 3.0]]
    found = read(book(tmp_path, xlsb(rows), name="b.xlsb"))
    assert good(found) == [{"order": "a", "price": "2.5"}, {"order": "c", "price": "3"}]
    assert errors(found) == [("b.xlsb:3", "the cell in column B is #REF!", "b\t")]
    limits = Limits(cells=7)
    with pytest.raises(SourceError, match="spans 4 rows and 2 columns; at most 7 cells"):
        read(book(tmp_path, xlsb(rows), name="b.xlsb", limits=limits))


@pytest.mark.parametrize("padding", [0, 5000])
def test_an_xls_is_read_with_its_errors(tmp_path: Path, padding: int) -> None:
    cells = [(0, 0, "order"), (0, 1, "price"), (1, 0, "a"), (1, 1, 2.5), (2, 1, Error("#N/A"))]
    content = xls({"One": [(0, 0, "x")], "Two": [*cells, (3, 0, "c")]}, padding=padding)
    found = read(book(tmp_path, content, name="b.xls", sheet="Two"))
    assert good(found) == [{"order": "a", "price": "2.5"}, {"order": "c", "price": None}]
    assert errors(found) == [("b.xls:3", "the cell in column B is #N/A", "\t")]
    corner = [(0, 0, 1.0), (65_535, 255, 1.0)]
    with pytest.raises(SourceError, match="spans 65,536 rows and 256 columns"):
        read(book(tmp_path, xls({"One": corner}, padding=padding), name="b.xls"))
    # What is left of 10 million cells counts, since all sheets are loaded at once.
    many = {f"S{n}": [(0, 0, 1.0), (9999, 99, 1.0)] for n in range(11)}
    with pytest.raises(SourceError, match="spans 1 rows and 1 columns beside 10,000,000 cells of"):
        read(book(tmp_path, xls(many, padding=padding), name="b.xls"))


def test_a_large_sheet_comes_in_batches(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["n"], *([number] for number in range(20_000))]
    found = good(read(book(tmp_path, xlsx({"S": rows}), limits=Limits(batch_rows=5000))))
    assert [int(row["n"]) for row in found] == list(range(20_000))


def test_two_cells_in_opposite_corners_take_no_memory(tmp_path: Path) -> None:
    first, last = (f'<row><c r="{place}"><v>1</v></c></row>' for place in ("A1", "XFD1048576"))
    assert refused(tmp_path, _with_sheet(first + last)) == (
        " spans 1,048,576 rows and 16,384 columns; at most 10,000,000 cells are expected"
    )


def test_a_workbook_that_unpacks_to_much_is_refused_whatever_its_directory_says(
    tmp_path: Path,
) -> None:
    content = bytearray(_with_sheet(f"<row><c><v>1</v></c></row>{' ' * 30_000_000}"))
    limits = Limits(workbook=8 << 20)
    expected = " unpacks to more than 8 MiB; a smaller workbook is expected"
    assert refused(tmp_path, bytes(content), limits=limits) == expected
    # The central directory claims a size of a hundred bytes for each part.
    place = -1
    while (place := content.find(b"PK\x01\x02", place + 1)) >= 0:
        struct.pack_into("<I", content, place + 24, 100)
    assert refused(tmp_path, bytes(content), limits=limits) == expected


def test_a_workbook_larger_than_can_be_held_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, xlsx({"S": [HEAD]}), limits=Limits(held=100))
    assert said.startswith(" is a workbook of 0 MiB, which can only be read as a whole; at most")


def test_what_is_no_workbook_is_said_in_one_sentence(tmp_path: Path) -> None:
    content = xlsx({"S": [HEAD, ["a", 1]]})
    assert refused(tmp_path, b"order,price\n") == (
        " is no workbook; .xlsx, .xlsb, .xls or .ods is expected"
    )
    assert refused(tmp_path, content[: len(content) // 2]).startswith(" is damaged: ")
    assert refused(tmp_path, zipped({"a.xml": "<a/>"})).startswith(" is damaged: ")
    assert refused(tmp_path, xlsx({"S": [[], []]})) == (
        " is empty; a row with the names of its columns is expected"
    )
    assert refused(tmp_path, content, header=["Campaign ID"]) == (
        " has none of its first 1,000 lines with the names Campaign ID; "
        "a line with the names of its columns is expected"
    )
    locked = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le")
    )
    assert refused(tmp_path, locked) == (
        " is protected by a password; a workbook without one is expected"
    )
    damaged = bytearray(content)
    damaged[60:90] = b"\xff" * 30
    assert refused(tmp_path, bytes(damaged)).startswith(" is damaged: ")


def _with_sheet(rows: str) -> bytes:
    """A workbook whose only sheet has these rows, as they are."""
    mark = '<row r="1"><c r="A1" t="inlineStr"><is><t xml:space="preserve">mark</t></is></c></row>'
    plain = xlsx({"S": [["mark"]]})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    replaced = {name: text.partition("?>")[2].replace(mark, rows) for name, text in parts.items()}
    assert replaced != parts
    return zipped(replaced)
