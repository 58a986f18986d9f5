"""Reports and audits of a target: what a manifest says, and what a sample of the outputs says about it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, Policy
from rmexif.batch import run
from rmexif.batch.audit import audit, upper_bound
from rmexif.batch.report import report
from rmexif.bulk import StripTask
from rmexif.types import Box, Detection
from tests import samples
from tests.batch import pictures
from tests.cli.running import run as cli_run


@dataclass(frozen=True)
class Red:
    """Finds one face where a picture is red: a miss that was planted."""

    side: int = 40

    def detect(self, rgb: Any) -> list[Detection]:
        """A square, or nothing."""
        red, green, _ = rgb.reshape(-1, 3).mean(axis=0)
        return [Detection(Box(2, 2, 2 + self.side, 12), 0.9)] if red - green > 100 else []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 outputs, six of them with a planted miss, and two refusals."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("audit")
    for number in range(30):
        place = folder / "in" / f"day {number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        colour = (220, 10, 10) if number % 5 == 0 else (10, 220, 10)
        (place / f"{number}.png").write_bytes(samples.saved(Image.new("RGB", (64 + number, 64), colour), "PNG"))
    (folder / "in" / "<b>.jpg").write_bytes(b"no picture")
    (folder / "in" / "cut.jpg").write_bytes(pictures.jpeg(1)[:300])
    run(str(folder / "in"), str(folder / "out"), StripTask(), rows=7)
    return folder / "out"


def test_a_bound_that_others_publish() -> None:
    """One-sided 95 % limits as tables have them: quantiles of the beta distribution, and the rule of three."""
    published = {
        (0, 10): 0.2589,
        (1, 10): 0.3942,
        (2, 10): 0.5069,
        (0, 20): 0.1391,
        (5, 20): 0.4556,
        (0, 1000): 0.00299,
    }

    assert {key: round(upper_bound(*key), 4 if key[1] < 1000 else 5) for key in published} == published
    assert upper_bound(10, 10) == 1


def test_the_bound_holds() -> None:
    """Over samples drawn from populations with planted misses it is above the true share in 95 of 100 at least."""
    draw = random.Random(7)
    for misses in (3, 20, 150):
        population = [True] * misses + [False] * (1000 - misses)
        rounds = [upper_bound(sum(draw.sample(population, 100)), 100) for _ in range(600)]
        assert sum(bound >= misses / 1000 for bound in rounds) / len(rounds) >= 0.93  # four standard errors below


def test_planted_misses_are_found(target: Path) -> None:
    """All of them where all outputs are drawn; the bound is above the true share in a sample."""
    everything = audit(str(target), 1000, policy=Policy(detectors=(Red(),)))
    small = audit(str(target), 1000, policy=Policy(detectors=(Red(31),)))
    some = [audit(str(target), 10, policy=Policy(detectors=(Red(),)), seed=seed) for seed in range(8)]

    assert (everything.outputs, everything.sample, everything.share("faces")) == (30, 30, 0.2)
    assert {item.problem for item in everything.findings} == {"faces"}
    assert small.share("faces") == 0
    assert sum(item.share("faces") >= 0.2 for item in some) >= 7
    assert len({item.findings for item in some}) > 1
    assert audit(str(target), 10, policy=Policy(detectors=(Red(),)), seed=3) == some[3]


def test_what_else_is_wrong(target: Path, tmp_path: Path) -> None:
    """A missing, an altered and an unclean output; pictures are copied only where somebody asks."""
    import shutil

    copy = tmp_path / "out"
    shutil.copytree(target, copy)
    (copy / "day 1" / "1.png").unlink()
    picture = copy / "day 2" / "2.png"
    picture.write_bytes(picture.read_bytes() + b"behind the end")
    (copy / "day 0" / "3.png").write_bytes(b"text")

    made = audit(str(copy), 99, policy=Policy(detectors=(Red(),)), pictures=str(tmp_path / "look"))

    found = {(item.output, item.problem) for item in made.findings if item.problem != "faces"}
    assert found == {
        ("day 1/1.png", "missing"),
        ("day 2/2.png", "altered"),
        ("day 2/2.png", "unclean"),
        ("day 0/3.png", "altered"),
        ("day 0/3.png", "unsearched"),
    }
    assert len([path for path in (tmp_path / "look").rglob("*") if path.is_file()]) == 6


def test_what_is_refused(target: Path, tmp_path: Path) -> None:
    """Numbers out of range, and a target without a manifest."""
    for words in ({"sample": 0}, {"sample": 5, "confidence": 1.0}, {"sample": 5, "smallest": -1}):
        with pytest.raises(InvalidPolicy):
            audit(str(target), **words)
    for call in (lambda: audit(str(tmp_path), 5), lambda: report(str(tmp_path))):
        with pytest.raises(InvalidPolicy, match="no manifest"):
            call()


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report(target: Path) -> None:
    """The same totals as a table, as JSON and as a page; names cannot become tags."""
    table = cli_run("batch", "report", str(target), cwd=target.parent)
    as_json = json.loads(cli_run("batch", "report", str(target), "--json", cwd=target.parent).stdout)
    page = Page()
    page.feed(cli_run("batch", "report", str(target), "--html", cwd=target.parent).stdout.decode())

    assert table.returncode == 0
    assert as_json["codes"] == {"malformed_image": 1, "ok": 30, "unknown_format": 1}
    assert {row["path"] for row in as_json["refused_rows"]} == {"<b>.jpg", "cut.jpg"}
    assert all(row["problem"] for row in as_json["refused_rows"])
    assert as_json["folders"]["day 1"] == {"ok": 10}
    assert b"30  ok" in table.stdout
    assert b"cut.jpg  malformed_image" in table.stdout
    assert page.tags.count("svg") == page.tags.count("figure") == 4
    assert "b" not in page.tags
    assert "script" not in page.tags
    assert "<b>.jpg" in page.text


def test_the_audit_command(target: Path) -> None:
    """Exit code 0 and a bound; with the built-in search at its widest."""
    done = cli_run("batch", "audit", str(target), "--sample", "5", "--json", cwd=target.parent)

    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["counts"]["faces"] == 0
    assert made["at_most"]["faces"] == pytest.approx(1 - 0.05 ** (1 / 5))
    assert cli_run("batch", "audit", "nowhere", cwd=target.parent).returncode == 78
