"""CSV files of many origins read as the same table; damaged ones are named by line."""

import gzip
import re
from pathlib import Path

import pytest

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.tables import read_csv

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
    ],
)
def test_same_table_of_every_spelling(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    table = read_csv(path, ("a",))
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
        (b"a,b\n1\n3,4,5\n", "found more fields"),
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
