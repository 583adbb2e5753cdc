from __future__ import annotations

from typing import Any

import pytest

from coding.acts import codebook
from tests.coding.texts import SAID, make_person, make_text
from tests.conftest import make_member, make_user


@pytest.fixture
def person(study: Any, site_a: Any, wave: Any) -> Any:
    return make_person(
        study, site_a, "P-014", wave=wave(site_a, "12m"), role="Team manager", group="managers"
    )


@pytest.fixture
def version(study: Any, site_a: Any, wave: Any, person: Any) -> Any:
    """An interview with P-014 at site A."""
    return make_text(study, wave(site_a, "12m"), SAID, whole=person)


@pytest.fixture
def whole_study(study: Any) -> Any:
    """A researcher of every site."""
    user = make_user("everywhere@example.org", "Eve Everywhere")
    make_member(study, user, "researcher")
    return user


@pytest.fixture
def theme(study: Any, researcher: Any) -> Any:
    return codebook.add_code(study, name="Workload", by=researcher)


@pytest.fixture
def subtheme(study: Any, researcher: Any, theme: Any) -> Any:
    return codebook.add_code(study, name="Caseload", parent=theme, by=researcher)


@pytest.fixture
def time_code(study: Any, researcher: Any, theme: Any) -> Any:
    return codebook.add_code(study, name="Time for families", parent=theme, by=researcher)


@pytest.fixture
def code(study: Any, researcher: Any, subtheme: Any) -> Any:
    return codebook.add_code(study, name="One more thing", parent=subtheme, by=researcher)
