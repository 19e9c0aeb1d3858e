"""Tables of many origins read as the same table; damaged ones are named by line."""

import csv
import gzip
import io
import re
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.tables import column_names, peek_table, places_in, read_csv, read_table

TEXT = b"a,b\n1,x\n2,\n"
# Without a time stamp, since the bytes become names of tests, on which all workers must agree.
PACKED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.rstrip(),
        TEXT + b"\n\n",
        b"\xef\xbb\xbf" + TEXT,
        TEXT.replace(b"\n", b"\r\n"),
        b'"a","b"\n"1","x"\n"2",""\n',
        PACKED,
        TEXT.replace(b"\n", b"\r"),
        TEXT.replace(b",", b";"),
        TEXT.replace(b",", b"\t"),
        TEXT.decode().encode("utf-16"),
        b"\xfe\xff" + TEXT.decode().encode("utf-16-be"),
        gzip.compress(b"\xef\xbb\xbf" + TEXT.replace(b",", b";").replace(b"\n", b"\r\n"), mtime=0),
    ],
)
def test_same_table_of_every_spelling(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    assert column_names(path) == {"a", "b"}
    for table in (read_csv(path, ("a",)), read_table(path, ("b",)), peek_table(path)):
        assert table.columns == ["a", "b"]
        assert table.rows() == [("1", "x"), ("2", None)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\r\n", "the file is empty"),
        (b"a,b\n", "no row under the header line"),
        (b"a,c\n1,2\n", ":1: column 'b' is missing; the file has 'a', 'c'"),
        (b"a,b,a\n1,2,3\n", ":1: column 'a' stands there twice"),
        (b"a,b\n1,2\n3\n", ":3: 1 fields where the header has 2"),
        (b"a,b\n1,2\n\n3,4\n", ":3: 1 fields where the header has 2"),
        (b"a,b\n1,2\n3,4,5\n", ":3: 3 fields where the header has 2"),
        (b"a,b\n1\n3,4,5\n", ":2: 1 fields where the header has 2"),
        (b'a,b\n"1","2"\n"3"\n', ":3: 1 fields where the header has 2"),
        (b'a,b\n"1,2"\n3,4\n', ":2: 1 fields where the header has 2"),
        (b'a,b\n"1","2"\n\n3,4\n', ":3: 1 fields where the header has 2"),
        (b'a,b\n1,2\n3,5" dish\n4,4\n', ":3: a double quote without its pair"),
        (b'a,b\n1,"x\ny"\n', ":2: a double quote without its pair"),
        (b'a,b\n1,2\n3,"5"" dish\n', ":3: a double quote without its pair"),
        (b'a,b\n1,"2"3"4"\n3,"4\n', ":2: not a line of a table"),
        (b"a,b;c\n1,2\n", ":1: the header has commas and semicolons"),
        (b"a;b\n1;2\n3,4\n", ":3: 1 fields where the header has 2"),
        (b"b\tc\n1\n", ":2: 1 fields where the header has 2"),
        ("a,b\n1,2\n3,µ\n".encode("cp1252"), ":3: not UTF-8 text"),
        (b"\xff\xfe" + "b\n1\n".encode("utf-16-le") + b"\x00\xd8x", ":3: not UTF-16 text"),
        (b"a,b\n1,2\n\xff\xfe,2\n", ":3: not UTF-8 text"),
        (b"a,b\n1,\x00\n", ":2: not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n", ":1: not UTF-8 text"),
        (PACKED[:-6], "cannot be read"),
        (b"\x1f\x8bgarbage", "cannot be read"),
    ],
)
def test_fault_names_file_and_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(ScreenError, match=re.escape(message)) as error:
        read_csv(path, ("b",))
    assert str(error.value).startswith(f"{path}:")


def test_absent_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match="file not found"):
        read_csv(tmp_path / "m.csv")
    with pytest.raises(ScreenError, match="cannot be read"):
        read_csv(tmp_path)
    assert column_names(tmp_path) == column_names(tmp_path / "m.csv") == frozenset()


def test_separators_within_quotes_are_no_separators(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('a,"b; c"\n"1,5","x"\n3,y\n')
    assert read_csv(tmp_path / "m.csv").rows(named=True) == [
        {"a": "1,5", "b; c": "x"},
        {"a": "3", "b; c": "y"},
    ]


Cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)


@given(
    rows=st.lists(st.lists(Cells, min_size=3, max_size=3), min_size=1, max_size=4),
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_the_csv_module_writes_is_read(
    rows: list[list[str]], separator: str, encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([["a", "b", "c"], *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    assert [list(row) for row in read_csv(path).rows()] == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_byte_order_marks_one_before_another_are_no_part_of_a_name(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("\ufeff\ufeffa,b\n1,2\n".encode(encoding))
    assert read_csv(tmp_path / "m.csv", ("a",)).rows(named=True) == [{"a": "1", "b": "2"}]


def test_the_head_is_read_of_long_files(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"a,b\n" + b"1,x\n" * 400_000 + b"ragged\n")
    assert peek_table(path, 3).rows() == [("1", "x")] * 3
    with pytest.raises(ScreenError, match=r"m\.csv:400002: 1 fields"):
        read_table(path)


@pytest.mark.parametrize("name", ["m.parquet", "no suffix [0-9]*", "b=1"])
def test_parquet_keeps_its_types(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    pl.DataFrame({"a": ["1", ""], "b": [0.5, None]}).write_parquet(path)
    for table in (read_table(path, ("b",)), peek_table(path)):
        assert table.schema == {"a": pl.String, "b": pl.Float64}
        assert table.rows() == [("1", 0.5), (None, None)]
    assert peek_table(path, 1).height == 1


def test_faults_of_parquet_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pl.DataFrame({"a": ["1"]}).write_parquet(path)
    with pytest.raises(ScreenError, match=r"m.parquet: column 'b' is missing; the file has 'a'"):
        read_table(path, ("b",))
    pl.DataFrame({"a": []}).write_parquet(path)
    with pytest.raises(ScreenError, match=r"m.parquet: the table has no row"):
        read_table(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ScreenError, match=r"m.parquet: no Parquet table that can be read \("):
        read_table(path)


@pytest.mark.parametrize(("kind", "places"), [("csv", ["{}:2", "{}:3"]), ("parquet", ["{}, row 1", "{}, row 2"])])
def test_places_of_rows(kind: Literal["csv", "parquet"], places: list[str], tmp_path: Path) -> None:
    path = tmp_path / "m"
    table = pl.DataFrame({"a": ["1", "2"]})
    table.write_csv(path) if kind == "csv" else table.write_parquet(path)
    assert places_in(path, 2).to_list() == [place.format(path) for place in places]
