"""What the documents say is so: commands, recipes, Python, rooms, fields, links."""

import importlib.metadata
import json
import os
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

from deepnoise.api import installed
from deepnoise.cli import app
from deepnoise_registry.recipes.reading import parse_recipe

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    file.relative_to(ROOT).as_posix(): file.read_text()
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
}
README, ARCHITECTURE, RECIPES = (
    DOCUMENTS[name] for name in ("README.md", "docs/architecture.md", "docs/recipes.md")
)
SOURCE_ROOTS = {
    "deepnoise": ROOT / "registry",
    "deepnoise_registry": ROOT / "registry",
    "deepnoise_core": ROOT,
    "deepnoise_plugins": ROOT / "plugins",
}
PROGRAM: Any = typer.main.get_command(app)

FENCE = re.compile(r"^ *```(\w*)( title=[^\n]*)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, but for those that are files."""
    return [body for name, title, body in FENCE.findall(text) if name == language and not title]


def commands(text: str) -> Iterator[str]:
    """Each `deepnoise …` in a fenced shell block or in a code span."""
    lines = [line.split(" #")[0] for block in blocks(text, "sh") for line in block.splitlines()]
    for line in [*lines, *SPAN.findall(FENCE.sub("", text))]:
        if line.startswith("deepnoise "):
            yield line.split(" > ")[0].strip()


SHOWN = sorted({(name, command) for name, text in DOCUMENTS.items() for command in commands(text)})


def test_documents_show_commands() -> None:
    assert {"README.md", "docs/recipes.md", "docs/architecture.md"} <= {name for name, _ in SHOWN}


@pytest.mark.parametrize("command", sorted({command for _, command in SHOWN}))
def test_command_exists_with_its_options(command: str) -> None:
    assert_command(command)


@pytest.mark.parametrize(
    "command", ["deepnoise tarin x", "deepnoise recipe cheque x", "deepnoise predict x --scren y"]
)
def test_wrong_commands_are_recognised(command: str) -> None:
    with pytest.raises(AssertionError):
        assert_command(command)


def assert_command(command: str) -> None:
    """Fail unless the program has this command, and the command has these options."""
    words = command.split()[1:]
    found = PROGRAM
    while isinstance(getattr(found, "commands", None), dict) and words and not words[0].startswith("-"):
        word = words.pop(0)
        assert word in found.commands, f"{command}: there is no {word}; there are {', '.join(found.commands)}"
        found = found.commands[word]
    context = click.Context(found, help_option_names=["-h", "--help"])
    known = {name for parameter in found.get_params(context) for name in parameter.opts} | {"-h", "--help"}
    assert {word for word in words if word.startswith("-")} <= known


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = {target for text in DOCUMENTS.values() for target in re.findall(r"(?m)(?:^|`)make (\w+)", text)}
    assert {"demo", "test", "bench"} <= said <= targets


def test_recipes_are_correct() -> None:
    shown = [(name, block) for name, text in DOCUMENTS.items() for block in blocks(text, "yaml")]
    assert {"README.md", "docs/recipes.md"} <= {name for name, _ in shown}
    for name, block in shown:
        parse_recipe(block, name, installed())


def test_message_about_a_misspelt_field_is_real() -> None:
    (block,) = blocks(RECIPES, "text")
    recipe = "name: mine\nbackbone: densenet121\ndata:\n  image_sise: 128\n"
    with pytest.raises(Exception, match="image_sise") as raised:
        parse_recipe(recipe, "mine.yaml", installed())
    assert str(raised.value) == block.strip()


def test_each_fault_on_the_page_is_one_that_a_test_runs_into() -> None:
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    asked = re.findall(r'tells_of\("([^"]+)"', tests)
    told = DOCUMENTS["docs/faults.md"].partition("## What was tried at random")[0]
    rows = re.findall(r"(?m)^\| (.+?) \| .+ \|$", told)
    assert sorted(set(asked)) == sorted(set(rows) - {"what happens"})
    assert len(rows) - rows.count("what happens") == len(set(asked)), "two rows have one name"


def test_python_of_the_readme_is_short() -> None:
    (block,) = blocks(README, "python")
    assert len(block.strip().splitlines()) <= 10


def test_architecture_names_all_rooms() -> None:
    listed = set(tree(blocks(ARCHITECTURE, "text")[0]))
    assert not [room for room in listed if not (ROOT / room).is_dir()]
    rooms = {
        (root / init.parent.relative_to(root)).relative_to(ROOT).as_posix()
        for package, root in SOURCE_ROOTS.items()
        for init in (root / package).rglob("__init__.py")
    }
    assert {room for room in listed if re.search("deepnoise(?!-)", room)} == rooms


def tree(block: str) -> Iterator[str]:
    """The paths that a drawn tree of folders lists."""
    above: list[str] = []
    for line in block.splitlines():
        if drawn := re.match(r"([│├└─ ]*)(\S+)/", line):
            depth = len(drawn[1]) // 4
            above = [*above[:depth], drawn[2]]
            yield "/".join(above)


def test_modules_that_architecture_names_exist() -> None:
    named = {
        span for span in SPAN.findall(FENCE.sub("", ARCHITECTURE)) if re.fullmatch(r"deepnoise\w*(\.\w+)+", span)
    }
    assert len(named) > 20
    for name in named:
        path = SOURCE_ROOTS[name.partition(".")[0]] / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name


def test_figures_of_the_readme_are_those_of_the_benchmark() -> None:
    section = README.partition("<!-- demo-figures -->")[2].partition("<!-- /demo-figures -->")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if re.search(r"\| \d+ \|", line)]
    shown = [[cell.strip() for cell in row[-5:]] for row in rows]
    measured = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())["trainings"]
    recipes = list(dict.fromkeys(one["recipe"] for one in measured))
    ordered = sorted(measured, key=lambda one: (recipes.index(one["recipe"]), one["seed"]))
    figures = ("raw", "group", "assigned", "chance")
    assert shown == [
        [str(one["seed"]), *(f"{one[name]:.1%}".replace("%", " %") for name in figures)] for one in ordered
    ]


@pytest.mark.parametrize(
    ("section", "key", "line"),
    [
        ("ratios", "rows", "| {what} | {found} | {must} |"),
        ("loaders", "loaders", "| {loader} | {sites_per_second:,.0f} | {megabytes} |"),
    ],
)
def test_figures_of_loading_are_those_of_the_benchmark(section: str, key: str, line: str) -> None:
    text = DOCUMENTS["docs/performance.md"].partition(f"<!-- {section} -->")[2].partition("<!-- /")[0]
    measured = json.loads((ROOT / "benchmarks" / "results" / "data.json").read_text())[key]
    wanted = [line.format(**one).replace("<=", "≤").replace(">=", "≥") for one in measured]
    assert text.strip().splitlines()[2:] == wanted


def test_the_ladder_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "ladder.json").read_text())["rungs"]
    assert table_between("docs/method.md", "ladder") == [
        f"| {'beside: ' if one['beside'] else ''}{one['name']} | "
        + " | ".join(points(one[stage]) for stage in ("raw", "group", "assigned"))
        + f" | {gain_in_points(one['gain'])} | {slides(one['published'])} |"
        for one in measured
    ]


def test_strategies_with_few_labels_do_as_in_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "semi.json").read_text())["accuracy"]
    assert table_between("docs/method.md", "few-labels") == [
        f"| {name} | " + " | ".join(f"{mean:.3f} ± {sd:.3f}" for mean, sd in own.values()) + " |"
        for name, own in measured.items()
    ]


def test_belief_in_arrangements_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "assignment.json").read_text())["beliefs"]
    noises = list(dict.fromkeys(one["noise"] for one in measured))
    leads = sorted({one["lead"] for one in measured})
    rows = []
    for noise in noises:
        own = {one["lead"]: one for one in measured if one["noise"] == noise}
        cells = [
            f"{100 * own[lead]['believed']:.0f} % ({100 * own[lead]['right']:.0f})" if lead in own else ""
            for lead in leads
        ]
        rows.append(f"| {noise} | {' | '.join(cells)} | {max(one['surest_wrong'] for one in own.values()):.1f} |")
    assert table_between("docs/assignment.md", "beliefs") == rows
    assert not any(one["wrong"] for one in measured)


def test_the_worth_and_time_of_assignment_are_those_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "assignment.json").read_text())["rows"]
    found = {row["what"]: row for row in measured}
    stages = ("raw", "group", "assigned without groups", "group and assigned")
    assert table_between("docs/assignment.md", "assignment-accuracy") == [
        f"| {lead} | "
        + " | ".join(
            f"{100 * found[f'accuracy, 18 test experiments, δ {lead}, {stage}']['measured']:.1f} %"
            for stage in stages
        )
        + " |"
        for lead in (1, 2, 3, 5)
    ]
    assert table_between("docs/assignment.md", "assignment-speed") == [
        f"| {row['what']} | {row['measured']:.3g} | {row['must']} |"
        for row in measured
        if row["what"].startswith("seconds on one core") or "time of published steps" in row["what"]
    ]
    assert not [row["what"] for row in measured if row["passed"] is False]


def test_the_time_of_signal_and_noise_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "disentanglement.json").read_text())["table"]
    assert table_between("docs/disentanglement.md", "disentanglement-time") == [
        f"| {row['what']} | {row['measured']:.3g} | {row['must']} |" for row in measured
    ]
    assert all(row["passed"] for row in measured)


def test_rates_of_networks_are_those_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "throughput.json").read_text())["rows"]
    assert table_between("docs/performance.md", "throughput") == [
        f"| {row['network']} | {row['way']} | {row['supervised']:,.0f} | {row['mean_teacher']:,.0f} "
        f"| {row['predict']:,.0f} |"
        for row in measured
    ]


def test_the_time_to_start_with_plugins_is_that_of_the_benchmark() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "plugins.json").read_text())
    assert table_between("docs/performance.md", "plugins") == [
        f"| {row['what']} | {row['measured']} | {row['must']} |" for row in result["rows"]
    ]
    assert result["passed"]


def test_the_cost_of_the_loop_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "engine.json").read_text())["rows"]
    assert table_between("docs/performance.md", "engine") == [
        f"| {row['what']} | {row['measured']:,g} | {row['must'].replace('<=', '≤').replace('>=', '≥')} |"
        for row in measured
    ]


def test_steps_beside_those_of_others_are_those_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "peers.json").read_text())["rows"]
    assert table_between("docs/performance.md", "peers") == [
        f"| {row['what']} | {row['measured']:,g} | {row['must'].replace('>=', '≥')} |" for row in measured
    ]


def test_the_worth_of_a_second_process_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "distribution.json").read_text())["sites_per_second"]
    assert table_between("docs/scale.md", "distribution") == [
        f"| {name} | {found['one']:.1f} | {found['two']:.1f} | {found['ratio']:.2f} |"
        for name, found in measured.items()
    ]


def test_what_processes_hold_of_a_divided_network_is_that_of_the_benchmark() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "sharding.json").read_text())["networks"]
    held = {name: [sum(parts.values()) for parts in found["held"].values()] for name, found in measured.items()}
    assert table_between("docs/scale.md", "sharding") == [
        f"| {name} | {' | '.join(f'{size / 1e6:,.0f} MB' for size in sizes)} |" for name, sizes in held.items()
    ]
    ratio = measured["vit_small_patch16_224"]["time_ratio"]
    assert f"takes {ratio:.2f} times as long divided" in (ROOT / "docs" / "scale.md").read_text()
    for one, copies, divided in held.values():
        assert one == copies
        assert divided < 0.505 * copies


def test_ten_million_sites_take_what_the_benchmark_says() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "ten_million.json").read_text())["stages"]
    rows = []
    for row in measured:
        few, many = row["sites"]["1000000"], row["sites"]["10000000"]
        own = f"{few['own_mb']:,} MB | {many['own_mb']:,} MB"
        rows.append(f"| {row['stage']} | {many['seconds']:,} | {many['peak_mb']:,} MB | {own} |")
    assert table_between("docs/scale.md", "ten-million") == rows


def test_the_cost_of_screens_follows_from_the_rates_of_networks() -> None:
    def time(sites: int, rate: float, gpus: int = 1) -> str:
        hours = sites / rate / 3600 / gpus
        return f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:,.1f} min"

    measured = json.loads((ROOT / "benchmarks" / "results" / "throughput.json").read_text())["rows"]
    assert table_between("docs/scale.md", "cost") == [
        f"| {row['network']} | {screen} | "
        f"{' | '.join(time(sites, row['mean_teacher'], gpus) for gpus in (1, 8, 64))} | "
        f"{time(sites, row['predict'])} |"
        for row in measured
        if row["way"] == "bf16, channels last"
        for screen, sites in (("RxRx1", 125_510), ("JUMP-sized", 8_000_000))
    ]


def test_what_survives_is_what_the_benchmark_found() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "survival.json").read_text())
    stops, same = (sum(row[name] for row in result["resumed"]) for name in ("stops", "same bits"))
    trained, asked = result["training killed"], result["asked to stop"]
    stopped = asked["sent"] - asked["ended before"]
    assert table_between("docs/faults.md", "survival") == [
        f"| resumed after each of {result['steps']} steps | {stops} | {same} ended in the same bits |",
        f"| SIGKILL while it trains | {trained['kills']}, in {trained['runs']} runs "
        f"| {trained['same bits']} runs ended in the same bits; {trained['damaged newest checkpoints']} newest "
        f"checkpoints were damaged; at most {trained['most steps lost']} step was lost |",
        *(
            f"| SIGKILL while it {what} | {found['kills']}, for {found['results']} results | "
            f"{found['same bytes']} had the same bytes |"
            for what, found in (
                ("packs", result["packing killed"]),
                ("predicts", result["predicting killed"]),
            )
        ),
        f"| SIGINT and SIGTERM while it trains | {asked['sent']}, of which {asked['ended before']} came too late "
        f"| {asked['right exit code']} of {stopped} ended with 130 and 143, {asked['said how to go on']} said "
        f"how to go on; {asked['same bits']} of {asked['sent']} ended in the same bits |",
    ]
    assert (same, trained["same bits"], asked["same bits"]) == (stops, trained["runs"], asked["sent"])


def test_the_damaged_files_are_those_of_the_benchmark() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "fuzz.json").read_text())
    assert table_between("docs/faults.md", "fuzz") == [
        f"| {row['what']} | {row['cases']:,} | {row['read']:,} | {row['refused']:,} | {row['faults']} |"
        for row in result["rows"]
    ]
    assert sum(row["cases"] for row in result["rows"]) >= 100_000
    assert not result["faults"]


def table_between(document: str, mark: str) -> list[str]:
    """The rows of a table between marks, without its head."""
    text = DOCUMENTS[document].partition(f"<!-- {mark} -->")[2].partition(f"<!-- /{mark} -->")[0]
    return text.strip().splitlines()[2:]


def points(values: list[float]) -> str:
    """Mean and standard deviation of accuracies, in percent."""
    return f"{100 * statistics.mean(values):.1f} ± {100 * statistics.stdev(values):.1f}"


def gain_in_points(gain: dict[str, float] | None) -> str:
    """A gain and its interval; a dash where a rung stands on none."""
    return f"{100 * gain['mean']:+.1f} [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]" if gain else "–"


def slides(score: float | None) -> str:
    """What the slides give for a rung."""
    return "–" if score is None else f"{score:g} %"


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LINKS = sorted(
    {
        (name, target)
        for name, text in DOCUMENTS.items()
        for target in LINK.findall(FENCE.sub("", text))
        if "://" not in target and not target.startswith("#")
    }
)


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_link_leads_to_a_file(document: str, target: str) -> None:
    file = (ROOT / document).parent / target.partition("#")[0]
    assert file.exists(), f"{document}: {os.path.relpath(file, ROOT)} is not there"


def test_changelog_tells_of_this_version() -> None:
    assert importlib.metadata.version("deepnoise") in DOCUMENTS["CHANGELOG.md"]
