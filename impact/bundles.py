"""Results bundles: what leaves the lab. One JSON document of estimates, diagnostics and counts, and never a row of data.

Version 2. Every count and every number that rests on one carries its disclosure status; what is hidden is null. A bundle has
two hashes. `id` covers what went in: the plan, the data files, the seed and the versions of `impact` and its libraries; it is
the same on every machine. `sha256` covers everything but itself, so that a changed bundle is told. The same plan, data and
software give the same `id`, and numbers that agree to `comparison.TOLERANCE`: their last digits hang on the processor, which
no software can promise. Version 1 had no `id`; its bundles are read as they are, and their `sha256` is checked.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from exports.digits import snapped
from impact.documents import Part
from impact.errors import BadDocument
from impact.estimate import Estimate, Note

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "Analysis",
    "Bundle",
    "Count",
    "Figures",
    "Remark",
    "Result",
    "Sample",
    "count",
    "kept",
    "read",
    "result",
    "unlike",
    "write",
]

MOST_FIGURES = 600  # an event study, a permutation distribution, a Bacon table; a table of children is longer
MAX_BYTES = 64 << 20
Status = Literal["released", "hidden"]


def kept(value: float | None) -> float | None:
    """To twelve significant digits; None for what is not finite, which JSON cannot hold."""
    if value is None or not math.isfinite(value):
        return None
    return snapped(float(value))


class Count(Part):
    """A count of children, or null where it is small."""

    n: int | None
    status: Status


def count(n: int, smallest: int) -> Count:
    """A count as it may leave: hidden from 1 to smallest - 1."""
    return Count(n=None, status="hidden") if 0 < n < smallest else Count(n=n, status="released")


class Remark(Part):
    """A note that must be printed beside the result; `code` is stable."""

    code: str
    text: str


class Result(Part):
    """One estimate. `scale` says in which unit, `error` which standard error where a model has several."""

    name: str
    scale: str
    error: str = ""
    value: float | None
    std_error: float | None
    df: float | None
    statistic: float | None
    p_value: float | None
    low: float | None
    high: float | None
    level: float
    status: Status


def unlike(counts: Iterable[int], smallest: int) -> set[int]:
    """Those of the counts that may leave together. One that differs from another by 1 to smallest - 1 does not: the
    difference would be the small count that was hidden elsewhere. Earlier counts go before later ones.
    """
    kept: set[int] = set()
    for n in counts:
        if all(n == other or abs(n - other) >= smallest for other in kept):
            kept.add(n)
    return kept


def result(estimate: Estimate, *, scale: str, base: int, smallest: int, error: str = "") -> Result:
    """An estimate as it may leave: nothing of it where `base`, the children it rests on, is below `smallest`."""
    hidden = base < smallest
    numbers = {
        name: None if hidden else kept(getattr(estimate, name))
        for name in ("value", "std_error", "df", "statistic", "p_value", "low", "high")
    }
    status: Status = "hidden" if hidden else "released"
    return Result(
        name=estimate.name, scale=scale, error=error, level=estimate.level, status=status, **numbers
    )


class Figures(Part):
    """A small table behind a plot. `kind` says which plot; hidden numbers are null."""

    kind: Literal["event_study", "trends", "balance", "permutation", "bacon", "matches", "forest", "anova"]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]

    @pydantic.model_validator(mode="after")
    def _aggregates(self) -> Self:
        if len(self.rows) > MOST_FIGURES:
            raise ValueError(f"{len(self.rows)} rows: a bundle holds results, not rows of data")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("every row needs a value for each column")
        if named := {"child", "child_id", "id", "upn", "name", "birth_on"} & {
            c.lower() for c in self.columns
        }:
            raise ValueError(f"“{sorted(named)[0]}” is a column about single children")
        return self


class Sample(Part):
    """Who an outcome was measured for, and who was left out and why."""

    outcome: str
    n: Count
    left_out: dict[str, Count]


class Analysis(Part):
    """One model for one outcome. `diagnostics` are single numbers or words."""

    id: str
    role: Literal["primary", "secondary", "sensitivity", "exploratory"]
    outcome: str
    model: str
    specification: dict[str, str | float | bool | None]
    n_rows: Count
    n_clusters: int
    results: tuple[Result, ...]
    diagnostics: dict[str, float | str | None] = pydantic.Field(default_factory=dict)
    figures: tuple[Figures, ...] = ()
    notes: tuple[Remark, ...] = ()
    failed: str | None = None


class Bundle(Part):
    """The whole document. Version 1 has an empty `id`, and its file has no such key."""

    schema_: Literal[1, 2] = pydantic.Field(alias="schema", default=2)
    study: str
    title: str
    plan_sha256: str
    registered_sha256: str | None
    readings: tuple[dict[str, str], ...]
    deviations: tuple[dict[str, str], ...]
    seed: int
    software: dict[str, str]
    data: dict[str, str]
    smallest_count: int
    samples: tuple[Sample, ...]
    analyses: tuple[Analysis, ...]
    multiplicity: dict[str, float | None]
    id: str = ""
    sha256: str = ""

    @pydantic.model_validator(mode="after")
    def _each_once(self) -> Self:
        """Of two with the same name a reader would see one."""
        outcomes = [sample.outcome for sample in self.samples]
        answers = [f"{one.id}”, “{one.outcome}" for one in self.analyses]
        for what, names in (("sample", outcomes), ("analysis", answers)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"the {what} “{twice[0]}” stands twice")
        return self

    @pydantic.model_validator(mode="after")
    def _old_has_no_id(self) -> Self:
        if self.schema_ == 1 and self.id:
            raise ValueError("a bundle of schema 1 has no “id”")
        return self

    @property
    def identity(self) -> str:
        """The hash of what went in: plan, data files, seed, and the versions of `impact` and its libraries."""
        return _hash(
            {"plan": self.plan_sha256, "data": self.data, "seed": self.seed, "software": self.software}
        )

    @property
    def fingerprint(self) -> str:
        """The hash of everything but the hash."""
        plain = self.plain()
        del plain["sha256"]
        return _hash(plain)

    def plain(self) -> dict[str, Any]:
        """The document as JSON holds it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"id"} if self.schema_ == 1 else None)

    def sealed(self) -> Bundle:
        """The same bundle with its hashes."""
        named = self if self.schema_ == 1 else self.model_copy(update={"id": self.identity})
        return named.model_copy(update={"sha256": named.fingerprint})


def _hash(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def remarks(notes: Iterable[Note]) -> tuple[Remark, ...]:
    """Notes as they stand in a bundle, each once."""
    return tuple(
        Remark(code=code, text=text) for code, text in dict.fromkeys((n.code, n.text) for n in notes)
    )


def diagnostics(found: Mapping[str, float | str | None]) -> dict[str, float | str | None]:
    """Single numbers to twelve digits; what is not finite is null."""
    return {name: value if isinstance(value, str) else kept(value) for name, value in found.items()}


def write(bundle: Bundle, path: Path) -> None:
    """Write the bundle with its hashes. The file is complete or not there."""
    text = json.dumps(bundle.sealed().plain(), indent=1, ensure_ascii=False)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)


def read(path: Path) -> Bundle:
    """A bundle whose hashes are right, of this version or the first. Raises BadDocument that names the file for anything else."""
    if path.exists() and path.stat().st_size > MAX_BYTES:
        raise BadDocument(f"{path.name}: larger than 64 MB, which no results bundle is.")
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
        if not isinstance(plain, dict):
            raise ValueError
        _hash(plain)  # raises for half a character, which JSON can name and no file can hold
        bundle = Bundle.model_validate(plain)
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise BadDocument(f"{path.name}, {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    except FileNotFoundError:
        raise BadDocument(f"{path.name}: there is no such file.") from None
    except OSError as error:
        raise BadDocument(f"{path.name}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise BadDocument(f"{path.name}: this is not a results bundle.") from None
    if bundle.sha256 != bundle.fingerprint:
        raise BadDocument(f"{path.name}: the hash does not fit; the bundle was changed after it was made.")
    if bundle.schema_ > 1 and bundle.id != bundle.identity:
        raise BadDocument(
            f"{path.name}: the id does not fit the plan, data, seed and software that it names."
        )
    return bundle


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would be read as the second and shown by some programs as the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
