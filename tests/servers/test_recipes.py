"""Every path of a recipe lies in its home, and every port is one that it was given, on this machine alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.servers.answering import place
from tests.servers.programs import KINDS, PROGRAMS
from tests.servers.recipes import DEFAULTS, RECIPES

HOME = Path("/srv/servers/one")
PORTS = [40001, 40002, 40003]


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_stays_in_its_home_and_on_its_ports(kind):
    wanted = RECIPES[kind]
    given = {name: Path("/programs") / name for name in PROGRAMS[kind]}
    recipe = wanted.recipe(HOME, PORTS[: wanted.n_ports], given)
    said = "\n".join(
        [
            *(part for command in (recipe.make, *recipe.then) for part in command),
            *recipe.files.values(),
            *recipe.environment.values(),
        ]
    )
    paths = [word for word in re.split(r"[\s=]+", said) if word.startswith("/")]
    assert paths
    assert [path for path in paths if not path.startswith(("/programs/", str(HOME)))] == []
    assert {int(port) for port in re.findall(r"\b\d{4,5}\b", said)} == set(PORTS[: wanted.n_ports])
    assert "127.0.0.1" in said
    assert "0.0.0.0" not in said
    assert place(recipe.url) == (kind, "127.0.0.1", PORTS[0])
    assert {command[0] for command in recipe.then} <= {str(path) for path in given.values()}


def test_the_usual_addresses_are_of_their_kinds():
    assert [place(DEFAULTS[kind])[0] for kind in KINDS] == list(KINDS)
