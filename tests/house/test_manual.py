"""The manual: every public name is in its reference, every link leads somewhere, and its sample runner sees what fails."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import rmexif
from rmexif import errors, stats
from rmexif.cli.commands import COMMANDS
from rmexif.policy import Policy
from rmexif.residuals import Residual
from rmexif.service.openapi import document, manual
from rmexif.service.settings import Settings
from rmexif.types import Category, Limits

for package in ("mkdocs", "mkdocstrings", "yaml"):
    pytest.importorskip(package, reason="the manual takes the extra docs")

from scripts.manual import links, pip, samples  # noqa: E402
from scripts.manual.blocks import read_blocks, without_options  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manual, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    own = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def cells_of(page: Path) -> set[str]:
    """What stands as code in the first cell of a row."""
    rows = page.read_text().split("<tr>")
    return {
        row.partition("<td><code>")[2].partition("</code>")[0] for row in rows if row.lstrip().startswith("<td><code>")
    }


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    """A name of ``rmexif.__all__`` has a heading of its own."""
    names = links.Anchors((site / "reference/api.html").read_text()).names

    assert {f"rmexif.{name}" for name in rmexif.__all__} <= names


def test_every_field_is_in_the_reference(site: Path) -> None:
    """Fields of a policy, of limits and of the report; codes of residuals, categories and errors."""
    api, report = cells_of(site / "reference/api.html"), cells_of(site / "reference/report.html")
    keys = {
        key for name in stats.__all__ if isinstance(cls := getattr(stats, name), type) for key in cls.__annotations__
    }

    assert {item.name for cls in (Policy, Limits) for item in fields(cls)} <= api
    assert keys | {item.value for item in Residual} | {item.value for item in Category} <= report
    assert {name for name in errors.__all__ if name[0].isupper()} <= api
    page = (site / "reference/api.html").read_text()
    assert all(f"<code>{getattr(errors, name).code}</code>" in page for name in errors.__all__ if name[0].isupper())


def test_every_command_and_route_is_in_the_reference(site: Path) -> None:
    """Commands as click knows them, routes as OpenAPI does."""
    commands = links.Anchors((site / "reference/commands.html").read_text()).names
    routes = (site / "reference/routes.html").read_text()

    assert {f"rmexif-{name}" for name in COMMANDS} <= commands
    assert all(path in routes for path in document(Settings())["paths"])


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:8123/"), ("0.0.0.0", "http://127.0.0.1:8123/"), ("::", "http://[::1]:8123/")],
)
def test_the_commands_of_a_running_service_work_as_they_stand(host: str, address: str) -> None:
    """/docs names the service's own address, where older pages had a placeholder."""
    page, _ = manual(Settings(host=host, port=8123))
    commands = page.partition("<pre>")[2].partition("</pre>")[0]

    assert "{" not in commands
    assert commands.count(address) == 3


def test_no_link_is_dead(site: Path) -> None:
    """In the site, and in the files beside it."""
    dead, _, followed = links.dead_links(site)

    assert (dead, followed > 500) == ([], True)


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    """A page, an anchor and a picture that are not there."""
    text = '<a id="here" href="#here">a</a><a href="#lost">b</a><a href="no.html">c</a><img src="no.png">'
    (tmp_path / "index.html").write_text(text)

    dead, _, _ = links.dead_links(tmp_path)

    assert [line for line in dead if line.startswith("index.html")] == [
        "index.html: #lost",
        "index.html: no.html",
        "index.html: no.png",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```bash\nfalse\n```\n", "exit status 1"),
        ("```bash exit=1\ntrue\n```\n", "exit status 0"),
        ("```python\nraise ValueError(1)\n```\n", "ValueError"),
        ("```python\nprint(1)\n```\n```output\n2\n```\n", "the page says"),
        ("```bash\npip install rmexif\n```\n", "installed from a checkout"),
        ("```json\n{\n```\n", "Expecting"),
        ("```\nls\n```\n", "without a language"),
    ],
)
def test_a_sample_that_fails_is_seen(tmp_path: Path, text: str, why: str) -> None:
    """Each kind of block, with what is wrong with it."""
    with pytest.raises((samples.SampleFailed, ValueError), match=why):
        run(tmp_path, text)


def test_a_sample_that_works_is_counted(tmp_path: Path) -> None:
    """The scratch folder has the photograph; blocks of Python share their names."""
    text = '```python\nimport pathlib\n```\n```python\nprint(pathlib.Path("photo.jpg").stat().st_size)\n```\n'

    assert run(tmp_path, f"{text}```output\n...\n```\n") == {"run": 2, "compared": 1}


def test_what_is_not_run_says_why(tmp_path: Path) -> None:
    """A reason is asked for, and unknown options are refused."""
    with pytest.raises(ValueError, match="says why"):
        run(tmp_path, "```bash notest\nfalse\n```\n")
    with pytest.raises(ValueError, match="unknown option later"):
        run(tmp_path, "```bash later\nfalse\n```\n")


def test_readers_see_no_options_and_no_preparations() -> None:
    """Info strings lose what only the runner reads; comments with code are gone."""
    page = '<!-- python\nx = 1\n-->\n```bash exit=1\nls\n```\n```python title="a.py"\n```\n```output\n1\n```\n'

    assert without_options(page) == '```bash\nls\n```\n```python title="a.py"\n```\n```text\n1\n```\n'


@pytest.mark.parametrize(
    ("words", "is_right"),
    [
        (["."], True),
        ([".[serve,batch]"], True),
        (["rmexif[serve]"], True),
        (["--no-deps", "."], True),
        (["click", "brotli"], True),
        (["rmexif"], False),
        ([".[no-such-extra]"], False),
        (["left-pad"], False),
    ],
)
def test_install_lines_are_checked(words: list[str], is_right: bool) -> None:
    """A checkout, the extras that it has, and nothing else."""
    assert (pip.problem(words, ROOT) is None) is is_right
    assert words != ["."] or pip.problem(words, ROOT / "docs") is not None


def run(folder: Path, text: str) -> dict[str, int]:
    """The counts of a page."""
    source = folder / "page.md"
    source.write_text(text)
    with samples.Page() as page:
        for block in read_blocks(source, ROOT):
            page.run(block)
        return dict(page.counts)
