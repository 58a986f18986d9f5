"""An audit by sample: outputs drawn at random, verified and searched again, and what that says about all of them.

The bound is Clopper and Pearson's exact one (Biometrika 26, 1934), one-sided: with the stated confidence the share in
all outputs is not above it, whatever it is. It is about what this search finds in outputs, at its widest setting; a
face that no detector finds is beyond it, which is why pictures can be put aside for human eyes.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rmexif import lossless
from rmexif.batch.manifest import escaped
from rmexif.batch.report import manifest_at, objects
from rmexif.batch.shards import BrokenShard, open_shard
from rmexif.batch.stores import Store, StoreUnavailable
from rmexif.errors import InvalidPolicy, RmexifError, SetupError
from rmexif.policy import Policy
from rmexif.scrubber import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.batch.manifest import Manifest

__all__ = ["Audit", "Finding", "audit", "upper_bound"]

MISSING, ALTERED, UNCLEAN, FACES, UNSEARCHED = "missing", "altered", "unclean", "faces", "unsearched"
PROBLEMS = (MISSING, ALTERED, UNCLEAN, FACES, UNSEARCHED)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one output."""

    output: str
    problem: str  # one of PROBLEMS
    count: int = 0  # of faces, or of what verify() finds


@dataclass(frozen=True, slots=True)
class Audit:
    """What a sample says about all outputs."""

    outputs: int
    sample: int
    confidence: float
    smallest: int  # px: the longer side of the smallest face that counts
    findings: tuple[Finding, ...]

    def share(self, problem: str) -> float:
        """The bound on the share of outputs with this problem."""
        hits = len({finding.output for finding in self.findings if finding.problem == problem})
        if self.sample == self.outputs:
            return hits / self.outputs  # every output was looked at
        return upper_bound(hits, self.sample, self.confidence)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        counts = {problem: sum(item.problem == problem for item in self.findings) for problem in PROBLEMS}
        return {
            "outputs": self.outputs,
            "sample": self.sample,
            "confidence": self.confidence,
            "smallest_face": self.smallest,
            "counts": counts,
            "at_most": {problem: self.share(problem) for problem in PROBLEMS},
            "findings": [
                {"output": item.output, "problem": item.problem, "count": item.count} for item in self.findings
            ],
        }


def audit(  # noqa: PLR0913 - keyword options of a public function
    target: str,
    sample: int,
    *,
    at: str | None = None,
    policy: Policy | None = None,
    smallest: int = 32,
    confidence: float = 0.95,
    workers: int | None = None,
    seed: int | None = None,
    pictures: str | None = None,
) -> Audit:
    """Draw outputs at random, compare them with their hashes, verify them (canonical), and search them again.

    Every image is as likely to be drawn as any other, whatever shard it lies in; a shard is read up to the last one
    that is drawn from it.

    Args:
        target: of a run.
        sample: outputs to draw; all where there are fewer.
        at: place of the manifest; ``_rmexif`` in the target by default.
        policy: how to search; ``recall="max"`` by default.
        smallest: px, the longer side of the smallest face that counts.
        confidence: of the bound, 0-1.
        workers: outputs at once.
        seed: draws the same sample again.
        pictures: a folder or bucket that outputs with faces are copied to, for human review; None copies none.

    Raises:
        InvalidPolicy: a number is out of range, or there is no manifest, or it has no output.
        SetupError: the installation is at fault.
    """
    if sample < 1 or smallest < 0:
        raise InvalidPolicy(f"sample must be 1 or more and smallest 0 or more, got {sample} and {smallest}")
    if not 0 < confidence < 1:
        raise InvalidPolicy(f"confidence must be between 0 and 1, got {confidence:g}")
    task = policy or Policy(recall="max")
    manifest = manifest_at(target, at)
    total, drawn = _drawn(manifest, sample, seed)
    if not drawn:
        raise InvalidPolicy("the manifest has no output to audit")
    search = _Search(Store(target), task, smallest, manifest.column, Store(pictures) if pictures else None)
    with ThreadPoolExecutor(workers or 1, "rmexif-audit") as threads:
        findings = tuple(finding for found in threads.map(search, _groups(drawn)) for finding in found)
    return Audit(total, len(drawn), confidence, smallest, findings)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """An output of the sample."""

    output: str
    hash: str
    size: int  # byte
    shard: str | None = None  # the output that it lies in

    @property
    def name(self) -> str:
        """Below its shard."""
        return self.output if self.shard is None else self.output[len(self.shard) + 1 :]


def _outputs(manifest: Manifest) -> Iterator[_Drawn]:
    """Every image that has an output."""
    for row, members in objects(manifest):
        shard = None if members is None else row["output"]
        for image in (row,) if members is None else members:
            if image["output"] is not None:
                yield _Drawn(image["output"], image["new_hash"], image["new_size"], shard)


def _drawn(manifest: Manifest, sample: int, seed: int | None) -> tuple[int, list[_Drawn]]:
    """How many outputs there are, and some of them, each as likely as any other (Vitter's algorithm R)."""
    draw = random.Random(seed)  # not for secrets
    total = 0
    drawn: list[_Drawn] = []
    for total, output in enumerate(_outputs(manifest), 1):
        if len(drawn) < sample:
            drawn.append(output)
        elif (place := draw.randrange(total)) < sample:
            drawn[place] = output
    return total, drawn


def _groups(drawn: list[_Drawn]) -> list[list[_Drawn]]:
    """What is read in one go: those of one shard, and each of the others by itself."""
    groups: dict[str, list[_Drawn]] = defaultdict(list)
    for output in drawn:
        groups[output.output if output.shard is None else f"{output.shard}/"].append(output)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks at the outputs of a group."""

    store: Store
    policy: Policy
    smallest: int
    column: str | None
    review: Store | None

    def __call__(self, group: list[_Drawn]) -> list[Finding]:
        """What is wrong with them."""
        left = {output.name: output for output in group}
        found: list[Finding] = []
        for name, data in self._read(group):
            if (output := left.pop(name, None)) is not None:
                found += self._look(output, data)
            if not left:
                break
        return found + [Finding(output.output, MISSING) for output in left.values()]

    def _read(self, group: list[_Drawn]) -> Iterator[tuple[str, bytes]]:
        """The images of a group's shard by name, or its one image; as many as can be read."""
        first = group[0]
        most = max(self.policy.limits.max_bytes, *(output.size for output in group), 1)
        with ExitStack() as stack:
            try:
                if first.shard is None:
                    yield first.name, self.store.get(first.output, first.size)
                    return
                size = self.store.size(first.shard)  # as it is now: a zip begins at its end
                file = stack.enter_context(self.store.stream(first.shard, size))
                limits = replace(self.policy.limits, max_bytes=most)
                for record in open_shard(first.shard, file, size, limits, column=self.column).records():
                    yield from ((escaped(member.name), member.data) for member in record.images)
            except (OSError, StoreUnavailable, BrokenShard):
                return  # what it had is missing

    def _look(self, output: _Drawn, data: bytes) -> list[Finding]:
        name = output.output
        found = [Finding(name, ALTERED)] if hashlib.sha256(data).hexdigest() != output.hash else []
        try:
            if left := lossless.verify(data, limits=self.policy.limits, canonical=True):
                found.append(Finding(name, UNCLEAN, len(left)))
            boxes = [face["box"] for face in Scrubber(data, self.policy).dry_run().get("faces", ())]
        except SetupError:
            raise
        except RmexifError:
            return [*found, Finding(name, UNSEARCHED)]
        sides = [max(right - left, bottom - top) for left, top, right, bottom in boxes]
        if faces := sum(side >= self.smallest for side in sides):
            found.append(Finding(name, FACES, faces))
            if self.review is not None:
                self.review.put(_file_name(name), data)
        return found


def _file_name(output: str) -> str:
    """Where a picture is put for review: its name, or a hash of it where the key of a database is no path."""
    is_path = output.isprintable() and not {"", ".", ".."} & set(output.replace("\\", "/").split("/"))
    return output if is_path else hashlib.sha256(output.encode("utf-8", "surrogateescape")).hexdigest()


def upper_bound(hits: int, sample: int, confidence: float = 0.95) -> float:
    """The largest share under which so few hits would still be seen with a chance of ``1 - confidence``.

    Args:
        hits: in the sample.
        sample: how many were drawn.
        confidence: of the bound, 0-1.
    """
    if hits >= sample:
        return 1.0
    low, high = hits / sample, 1.0
    for _ in range(60):  # halvings: past the precision of a double
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, sample, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, sample: int, share: float) -> float:
    """The chance of so many hits or fewer: the binomial distribution's sum."""
    if share in (0, 1):
        return float(share == 0)
    logs = (
        math.lgamma(sample + 1)
        - math.lgamma(k + 1)
        - math.lgamma(sample - k + 1)
        + k * math.log(share)
        + (sample - k) * math.log1p(-share)
        for k in range(hits + 1)
    )
    return math.fsum(math.exp(log) for log in logs)
