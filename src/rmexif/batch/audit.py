"""An audit by sample: outputs drawn at random, verified and searched again, and what that says about all of them.

The bound is Clopper and Pearson's exact one (Biometrika 26, 1934), one-sided: with the stated confidence the share in
all outputs is not above it, whatever it is. It is about what this search finds in outputs, at its widest setting; a
face that no detector finds is beyond it, which is why pictures can be put aside for human eyes.
"""

from __future__ import annotations

import hashlib
import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif import lossless
from rmexif.batch.report import manifest_at, rows_of
from rmexif.batch.stores import Store, StoreUnavailable
from rmexif.errors import InvalidPolicy, RmexifError, SetupError
from rmexif.policy import Policy
from rmexif.scrubber import Scrubber

if TYPE_CHECKING:
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
    store, review = Store(target), Store(pictures) if pictures else None
    total, drawn = _drawn(manifest_at(target, at), sample, seed)
    if not drawn:
        raise InvalidPolicy("the manifest has no output to audit")

    def look(row: dict[str, Any]) -> list[Finding]:
        return _look(store, row, task, smallest, review)

    with ThreadPoolExecutor(workers or 1, "rmexif-audit") as threads:
        findings = tuple(finding for found in threads.map(look, drawn) for finding in found)
    return Audit(total, len(drawn), confidence, smallest, findings)


def _drawn(manifest: Manifest, sample: int, seed: int | None) -> tuple[int, list[dict[str, Any]]]:
    """How many outputs there are, and some of them, each as likely as any other (Vitter's algorithm R)."""
    draw = random.Random(seed)  # not for secrets
    total = 0
    drawn: list[dict[str, Any]] = []
    for row in rows_of(manifest):
        if row["output"] is None:
            continue
        total += 1
        kept = {name: row[name] for name in ("output", "new_hash", "new_size")}
        if len(drawn) < sample:
            drawn.append(kept)
        elif (place := draw.randrange(total)) < sample:
            drawn[place] = kept
    return total, drawn


def _look(store: Store, row: dict[str, Any], policy: Policy, smallest: int, review: Store | None) -> list[Finding]:
    output = row["output"]
    try:
        data = store.get(output, row["new_size"])
    except (OSError, StoreUnavailable):
        return [Finding(output, MISSING)]
    found = [Finding(output, ALTERED)] if hashlib.sha256(data).hexdigest() != row["new_hash"] else []
    try:
        if left := lossless.verify(data, limits=policy.limits, canonical=True):
            found.append(Finding(output, UNCLEAN, len(left)))
        boxes = [face["box"] for face in Scrubber(data, policy).dry_run().get("faces", ())]
    except SetupError:
        raise
    except RmexifError:
        return [*found, Finding(output, UNSEARCHED)]
    if faces := sum(max(right - left, bottom - top) >= smallest for left, top, right, bottom in boxes):
        found.append(Finding(output, FACES, faces))
        if review is not None:
            review.put(output, data)
    return found


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
