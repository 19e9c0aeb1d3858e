"""Comparisons as tables: for a terminal, Markdown, CSV and LaTeX."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from deepnoise.comparisons.comparison import Figure, Metric, VariantComparison
from deepnoise.comparisons.variants import value_text
from deepnoise.console import print_note, print_table
from deepnoise.pictures.variants import draw_variants
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.files import refuse_taken_file, replace_file
from deepnoise_core.evaluation.intervals import LEVEL
from deepnoise_core.evaluation.pairing import Difference

_SHARES: tuple[Metric, ...] = ("accuracy", "balanced", "ece")
_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
}


def title(comparison: VariantComparison) -> str:
    """What a table of it shows, in one line."""
    unit = " in %" if comparison.metric in _SHARES else ""
    experiments = len(comparison.experiments)
    return (
        f"{comparison.metric}{unit} of {comparison.wells:,} held-out {comparison.unit}s in {experiments} "
        f"experiment{'s' * (experiments != 1)}, mean ± sd over seeds"
    )


def table(comparison: VariantComparison) -> tuple[list[str], list[list[str]]]:
    """Headings and a row for each variant: seeds, and of each stage the figure and its difference."""
    stages = comparison.stages
    headings = ["variant", "seeds", *(word for stage in stages for word in (stage.value, f"Δ {stage.value}"))]
    rows = []
    for variant in comparison.variants:
        figures = comparison.figures[variant.name]
        cells = [word for stage in stages for word in _cells(figures[stage], comparison.metric)]
        rows.append([variant.name, str(len(variant.results)), *cells])
    return headings, rows


def fields_table(comparison: VariantComparison) -> tuple[list[str], list[list[str]]]:
    """Headings and a row for each variant: the fields of recipes in which variants differ."""
    rows = [
        [variant.name, *(_value(variant.fields, field) for field in comparison.fields)]
        for variant in comparison.variants
    ]
    return ["variant", *comparison.fields], rows


def print_variants(comparison: VariantComparison) -> None:
    """Tables for a terminal: a line for each variant and stage, then what the recipes differ in."""
    rows = [
        [variant.name, str(len(figure.values)), stage.value, *_cells(figure, comparison.metric)]
        for variant in comparison.variants
        for stage, figure in comparison.figures[variant.name].items()
    ]
    columns = ["variant", "seeds", "stage", comparison.metric, f"difference, {100 * LEVEL:.0f} % interval"]
    print_table(title(comparison), columns, rows)
    if comparison.fields:
        print_table("What the recipes differ in", *fields_table(comparison))
    for note in comparison.notes:
        print_note(note)


def write_comparison(comparison: VariantComparison, out: Path) -> None:
    """Write a comparison in the format that the file's name ends with.

    Raises:
        InputError: the ending is none of .md, .csv, .tex, .json and .png, or the file exists already.
    """
    require_writable(out)
    if out.suffix == ".png":
        draw_variants(comparison, out)
    else:
        replace_file(out, _WRITERS[out.suffix](comparison))


def require_writable(out: Path) -> None:
    """Refuse a file that a comparison cannot be written to.

    Raises:
        InputError: see `write_comparison`.
    """
    if out.suffix not in {*_WRITERS, ".png"}:
        raise InputError(
            f"{out}: ends with none of .md, .csv, .tex, .json and .png, one of which says the format"
        )
    refuse_taken_file(out, "a comparison")


def markdown(comparison: VariantComparison) -> str:
    """Tables and notes in Markdown."""
    parts = [f"{title(comparison)}:", _markdown_table(*table(comparison))]
    if comparison.fields:
        parts += ["What the recipes differ in:", _markdown_table(*fields_table(comparison))]
    return "\n\n".join([*parts, "\n".join(f"- {_escaped(note)}" for note in comparison.notes)]) + "\n"


def csv(comparison: VariantComparison) -> str:
    """One line for each variant and stage, figures as they are, with the fields in which recipes differ."""
    lines = []
    for variant in comparison.variants:
        for stage, figure in comparison.figures[variant.name].items():
            difference = figure.difference
            low, high = (difference.interval if difference else None) or (None, None)
            lines.append(
                {
                    "variant": variant.name,
                    **{field: _value(variant.fields, field) for field in comparison.fields},
                    "stage": stage.value,
                    "metric": comparison.metric,
                    "seeds": len(figure.values),
                    "mean": figure.mean,
                    "sd": figure.deviation,
                    "difference": difference.mean if difference else None,
                    "low": low,
                    "high": high,
                    "pairs": difference.pairs if difference else None,
                }
            )
    return pl.DataFrame(lines, infer_schema_length=None).write_csv()


def latex(comparison: VariantComparison) -> str:
    r"""A table for LaTeX with booktabs, `\usepackage{booktabs}`; notes are comments above it."""
    _, rows = table(comparison)
    stages = comparison.stages
    groups = " & ".join(rf"\multicolumn{{2}}{{c}}{{{_latex(stage.value)}}}" for stage in stages)
    columns = " & ".join(["variant", "seeds", *(f"{comparison.metric} & difference" for _ in stages)])
    lines = [
        *(f"% {' '.join(line.split())}" for line in (title(comparison), *comparison.notes)),
        rf"\begin{{tabular}}{{lr{'rl' * len(stages)}}}",
        r"\toprule",
        rf" &  & {groups} \\",
        rf"{columns} \\",
        r"\midrule",
        *(" & ".join(map(_latex, row)) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _json(comparison: VariantComparison) -> str:
    return json.dumps(comparison.as_dict(), indent=2, ensure_ascii=False) + "\n"


_WRITERS: Mapping[str, Callable[[VariantComparison], str]] = {
    ".md": markdown,
    ".csv": csv,
    ".tex": latex,
    ".json": _json,
}


def _cells(figure: Figure, metric: Metric) -> tuple[str, str]:
    scale, places = (100, 1) if metric in _SHARES else (1, 3)
    deviation = "" if figure.deviation is None else f" ± {scale * figure.deviation:.{places}f}"
    return f"{scale * figure.mean:.{places}f}{deviation}", _difference(figure.difference, scale, places)


def _difference(one: Difference | None, scale: int, places: int) -> str:
    if one is None:
        return "–"
    ends = [_signed(scale * end, places) for end in one.interval or ()]
    return _signed(scale * one.mean, places) + (f" ({ends[0]} to {ends[1]})" if ends else "")


def _signed(value: float, places: int) -> str:
    return f"{value:+.{places}f}".replace("-", "−")


def _value(fields: Mapping[str, object], field: str) -> str:
    value = fields.get(field)
    return "–" if value is None else value_text(value)


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    marks = ["---", *("---:" for _ in headings[1:])]
    lines = [headings, marks, *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
