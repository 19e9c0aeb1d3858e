"""Names of files that others chose: 150 hostile ones are refused, and honest ones are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.safe_names import safe_name, safe_names

DEVICES = [
    *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"),
    *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10)),
]
HOSTILE = [
    *("", ".", "..", "../a", "a/..", "a/../b", "../../etc/passwd", "./a", "a/.", "a/./b", "..."),
    *("/", "/etc/passwd", "//server/share", "a//b", "a/", "//a", "~", "~root/.ssh/id", "~/a"),
    *("\\", "..\\a", "a\\b", "\\\\server\\share\\a", "\\\\?\\C:\\a", "\\\\.\\COM1", "a/..\\..\\b", "C:\\a"),
    *("C:", "C:a", "C:/a", "c:a.txt", "Z:/x/y", "file:///etc/passwd", "a.txt:stream", "a::$DATA", "a:b/c"),
    *(f"a{letter}b" for letter in '<>:"|?*'),
    *(f"a{chr(code)}b" for code in range(32)),
    *(
        "a\x7fb",
        "a\x80b",
        "a\x85b",
        "a\u200bb",
        "a\u202eb",
        "a\u2028b",
        "a\u2029b",
        "\ufeffa",
        "a\u00adb",
        "a\ud800b",
    ),
    *("a\uff0fb", "a\uff3cb", "\uff0e\uff0e/a", "\u2024\u2024/a", "\u2025/a", "a\uff1ab", "a\uff0a", "\uff0e"),
    *("a.", "a ", " a", "a/b.", "a./b", "a /b", "a. ", "a .", "weights.safetensors ", "weights.safetensors."),
    *DEVICES,
    *(f"{device.lower()}.txt" for device in DEVICES),
    *("a/nul", "NUL/a", "con.tar.gz", "x/aux.safetensors", "nul .txt", "COM\u00b9", "lpt\u00b2.log", "com\u00b3"),
    *("a" * 256, "a" * 300, "ä" * 128, "d/" + "a" * 256, "/".join(["abcdefgh"] * 140), "a/" * 600 + "b"),
]
HONEST = [
    *(
        "model.safetensors",
        "manifest.json",
        "README.md",
        ".gitattributes",
        ".eval_results/deepnoise.yaml",
        "a/b/c.txt",
    ),
    *(
        "a b.txt",
        "Zelle µm.png",
        "細胞.png",
        "console.txt",
        "nullable",
        "com10",
        "a..b",
        "..a",
        "a" * 255,
        "lpt",
        "é",
    ),
]


def test_there_are_150_hostile_names() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 150


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name)[:40] for name in HOSTILE])
def test_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^file name .*; rename the file where it was published$"):
        safe_name(name)


@pytest.mark.parametrize("name", HONEST, ids=[ascii(name)[:40] for name in HONEST])
def test_honest_name_is_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "names",
    [
        ("a.txt", "A.txt"),
        ("straße", "STRASSE"),
        ("é", "e\u0301"),
        ("dir/a", "DIR/a"),
        ("K", "\u212a"),
        ("a", "a/b"),
        ("A", "a/b/c"),
        ("x", "x"),
    ],
)
def test_names_that_are_one_file_somewhere_clash(names: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="rename one of them"):
        safe_names(names)


@given(st.text(max_size=40))
def test_what_is_safe_stays_inside(name: str) -> None:
    try:
        safe_name(name)
    except InputError:
        return
    parts = name.split("/")
    assert not {"", ".", ".."} & set(parts)
    assert not set(name) & set('\\:\0<>"|?*')
    assert all(part == part.strip(" ").rstrip(".") for part in parts)
