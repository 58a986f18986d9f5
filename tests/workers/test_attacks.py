"""A worker that is an attacker's: it cannot reach anything, and the parent believes nothing that is not proven."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rmexif import Outcome, Policy, RmexifError, VerificationError, scrub_many, verify
from rmexif.workers import launch
from tests import samples
from tests.workers import attacks

linux = pytest.mark.skipif(os.uname().sysname != "Linux", reason="the sandbox is Linux's")
REFUSED = {"Operation not permitted", "Permission denied", "Function not implemented"}
TOKEN = "a-token-that-nobody-may-read"


def pictures(count: int) -> list[bytes]:
    """PNGs, each a pixel wider than the one before."""
    return [samples.saved(samples.picture(attacks.FIRST_WIDTH + i), "PNG") for i in range(count)]


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    return [
        int(item) for task in Path(f"/proc/{pid}/task").iterdir() for item in (task / "children").read_text().split()
    ]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What became of each deed, by its name, in one worker with the default sandbox."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret").write_text(TOKEN)
    count = len(attacks.deeds(str(folder)))
    policy = Policy(detectors=(attacks.Intruder(str(folder)),), stealth=False)

    out = list(scrub_many(pictures(count), policy, workers=1, pool="process"))

    if not all(outcome.report and outcome.report.stats["sandbox"]["seccomp"] for outcome in out):
        pytest.skip("this kernel has no system call filters")
    assert os.listdir(folder) == ["secret"]
    assert (folder / "secret").read_text() == TOKEN
    labels = [face["label"] for outcome in out if outcome.report for face in outcome.report.stats["faces"]]
    yield dict(label.rsplit(": ", 1) for label in labels)


@linux
@pytest.mark.parametrize("deed", list(attacks.deeds("")))
def test_nothing_can_be_done_inside(answers: dict[str, str], deed: str) -> None:
    """Neither by the main thread of a worker nor by another one."""
    assert answers[deed] in REFUSED


@linux
def test_a_worker_knows_next_to_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """No environment but a list, no streams, no core, hard limits; what it prints goes nowhere."""
    monkeypatch.setenv("RMEXIF_TOKENS", TOKEN)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", TOKEN)

    before = {*children(os.getpid())}  # browsers and servers of other tests
    run = scrub_many(pictures(2), Policy(detectors=(attacks.Observer(),)), workers=1, pool="process", in_flight=1)
    outcome = next(run)
    (pid,) = {*children(os.getpid())} - before
    opened = {int(file.name): str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    leads = os.getsid(pid) == os.getpgid(pid) == pid
    run.close()

    assert outcome.report, outcome.error
    assert {number: opened.pop(number) for number in range(3)} == dict.fromkeys(range(3), "/dev/null")
    assert [place.split(":")[0] for place in opened.values()] == ["socket"]
    assert leads
    facts = dict(face["label"].split("=", 1) for face in outcome.report.stats["faces"])
    assert set(eval(facts["environment"])) <= {*launch.ENVIRONMENT, "LC_CTYPE", "ORT_DISABLE_TELEMETRY"}
    assert eval(facts["files"]) == eval(facts["core"]) == (0, 0)
    assert eval(facts["open"]) == (64, 64)
    assert eval(facts["cpu"]) == (3600, 3600)
    assert eval(facts["threads"])[1] > 0
    assert eval(facts["dumpable"]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outcome, Outcome]]:
    """What came of the image with each forgery, and of the honest one after it."""
    mark = tmp_path_factory.mktemp("forged") / "mark"
    raws, honest = pictures(len(attacks.FORGERIES)), samples.saved(samples.picture(48), "PNG")
    items = [raw for pair in ((one, honest) for one in raws) for raw in pair]
    policy = Policy(detectors=(attacks.Forger(str(mark)),))

    out = list(scrub_many(items, policy, workers=2, pool="process", deadline=30))

    assert not mark.exists(), "code of a worker ran here"
    return dict(zip(attacks.FORGERIES, zip(out[::2], out[1::2], strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("forgery", list(attacks.FORGERIES))
def test_a_forged_answer_is_refused(forged: dict[str, tuple[Outcome, Outcome]], forgery: str) -> None:
    """It costs its own image, as an error of the tree; the next image comes out clean."""
    outcome, following = forged[forgery]

    assert isinstance(outcome.error, VerificationError)
    assert outcome.data is None
    assert following.ok, following.error
    assert verify(following.data or b"", canonical=True) == []


def test_a_worker_cannot_answer_in_advance() -> None:
    """A second answer to one request is not taken for that of the next image, and does not cost it."""
    raws = pictures(3)
    policy = Policy(detectors=(Echo(attacks.FIRST_WIDTH),))

    out = list(scrub_many(raws, policy, workers=1, pool="process"))

    assert out[0].ok, out[0].error
    for raw, outcome in zip(raws[1:], out[1:], strict=True):
        assert outcome.report, outcome.error
        assert outcome.report.stats["original_hash"] == hashlib.sha256(raw).hexdigest()


class Echo:
    """Answers the picture of one width by hand, honestly, before the loop does so again."""

    def __init__(self, width: int) -> None:
        self.width = width

    def detect(self, rgb: Any) -> list[Any]:
        """Send the answer in advance."""
        if rgb.shape[1] == self.width:
            values = attacks.loop_values()
            attacks._forged(lambda data, report, raw: (data, report))(
                values["parent"], values["request"], bytes(values["raw"]), ""
            )
        return []


def test_errors_keep_their_classes() -> None:
    """What comes back of an error is its code, its message and plain fields: each class of the tree, once around."""
    from rmexif.workers.replies import error_of, error_values

    def kinds(kind: type[RmexifError]) -> Iterator[type[RmexifError]]:
        yield kind
        for below in kind.__subclasses__():
            if below.__module__ == "rmexif.errors":
                yield from kinds(below)

    for kind in kinds(RmexifError):
        error = error_of(error_values(kind("what is wrong")))
        assert type(error) is kind
        assert str(error) == "what is wrong"
        assert error.as_dict() == kind("what is wrong").as_dict()
