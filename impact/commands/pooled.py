"""The command `pool`: one estimate from a trial and a difference-in-differences, or from several studies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.digits import printed
from impact.commands import printing
from impact.commands.printing import number, say
from impact.errors import BadData

if TYPE_CHECKING:
    from impact.pooling import Pooled


def add(commands: Any) -> None:
    """`pool`."""
    pool = commands.add_parser("pool", help="one estimate from several", allow_abbrev=False)
    pool.add_argument(
        "--estimate",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "VALUE", "STD_ERROR"),
        help="repeat it",
    )
    pool.add_argument(
        "--bundle",
        nargs=2,
        action="append",
        default=[],
        metavar=("RESULTS.json", "ANALYSIS"),
        help="the first result of an analysis in a results bundle, or the first on --scale",
    )
    pool.add_argument("--scale", help="unit of the results to take from bundles, such as “percentage points”")
    how = pool.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--correlation",
        type=printing.finite,
        help="between every two estimates; a trial and a difference-in-differences of the same children are not independent",
    )
    how.add_argument(
        "--random-effects", action="store_true", help="DerSimonian and Laird, for independent studies"
    )
    pool.add_argument("--level", type=printing.finite, default=0.95)
    pool.add_argument("--json", action="store_true")
    pool.set_defaults(act=_pool)


def _pool(chosen: argparse.Namespace) -> int:
    from impact.pooling import dersimonian_laird, inverse_variance

    given: list[tuple[str, float, float, str | None]] = [
        (name, _number(value, name), _number(error, name), None) for name, value, error in chosen.estimate
    ]
    given += [_from_bundle(Path(path), analysis, chosen.scale) for path, analysis in chosen.bundle]
    if not given:
        raise BadData("Give at least two estimates, with --estimate or --bundle.")
    names, values, errors, scales = zip(*given, strict=True)
    known = [scale for scale in scales if scale is not None]
    if chosen.random_effects:
        _one_scale(known)
        found = dersimonian_laird(values, errors, names=names, level=chosen.level)
    else:
        found = inverse_variance(
            values,
            errors,
            correlation=chosen.correlation,
            names=names,
            # Those typed in carry no scale of their own and are taken to be on that of the bundles.
            scales=[scale or known[0] for scale in scales] if known else None,
            level=chosen.level,
        )
    if chosen.json:
        printing.as_json(found)
    else:
        _print(
            found, "random effects" if chosen.random_effects else f"correlation {number(chosen.correlation)}"
        )
    return 0


def _number(text: str, name: str) -> float:
    try:
        return printing.finite(text)
    except argparse.ArgumentTypeError:
        raise BadData(f"“{text}” of the estimate “{name}” is not a number.") from None


def _one_scale(known: list[str]) -> None:
    if len(set(known)) > 1:
        raise BadData(
            f"The estimates must share one scale to be pooled, not {', '.join(dict.fromkeys(known))}."
        )


def _from_bundle(path: Path, analysis: str, scale: str | None) -> tuple[str, float, float, str]:
    import difflib

    from impact import bundles

    bundle = bundles.read(path)
    held = {one.id: one for one in bundle.analyses}
    if analysis not in held:
        near = difflib.get_close_matches(analysis, held, n=1)
        hint = f" Did you mean “{near[0]}”?" if near else ""
        raise BadData(f"{path.name}: there is no analysis “{analysis}”.{hint}")
    results = [one for one in held[analysis].results if scale in (None, one.scale)]
    if not results:
        raise BadData(f"{path.name}: “{analysis}” has no result" + (f" in {scale}." if scale else "."))
    first = results[0]
    if first.value is None or first.std_error is None:
        raise BadData(f"{path.name}: the first result of “{analysis}” is hidden or has no standard error.")
    return f"{bundle.study}: {analysis}", first.value, first.std_error, first.scale


def _print(found: Pooled, how: str) -> None:
    header = (
        "estimate",
        "value",
        "standard error",
        f"{printed(100 * found.estimate.level, 'g')}% from",
        "to",
        "p",
        "weight",
    )
    lines = [*zip(found.inputs, found.weights, strict=True), (found.estimate, None)]
    printing.table(
        header,
        [
            (
                one.name,
                *(number(v) for v in (one.value, one.std_error, one.low, one.high, one.p_value)),
                number(weight),
            )
            for one, weight in lines
        ],
    )
    say(f"\nPooled with {how}, from {len(found.inputs)} estimates.")
    say(f"Q {number(found.q)} on {found.q_df} degrees of freedom, p {number(found.q_p_value)}.")
    if found.tau_squared:
        say(
            f"Variance between studies {number(found.tau_squared)}; I² {number(100 * found.i_squared_share)}%."
        )
    printing.notes(found.notes)
