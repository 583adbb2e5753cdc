from coding.attribution import Standing, attribution, people_behind


def manager(phase="12m", method="interview"):
    return Standing("Team manager", "Managers", phase, method)


def people(n_team_managers, n_other_managers=0, n_parents=0, phase="12m", method="interview"):
    rows = [(f"t{n}", manager(phase, method)) for n in range(n_team_managers)]
    rows += [
        (f"m{n}", Standing("Service manager", "Managers", phase, method)) for n in range(n_other_managers)
    ]
    rows += [(f"p{n}", Standing("", "Parents", phase, method)) for n in range(n_parents)]
    return people_behind(rows)


def test_attribution_names_role_phase_and_method():
    assert attribution([manager()], people(3), minimum=3) == "[Team manager, 12m interview]"


def test_attribution_of_a_small_role_is_its_group():
    assert attribution([manager()], people(2, 1), minimum=3) == "[Managers, 12m interview]"


def test_attribution_of_a_small_group_is_participant():
    assert attribution([manager()], people(1, 1, 1), minimum=3) == "[Participant, 12m interview]"


def test_attribution_of_a_small_phase_says_no_phase():
    assert attribution([manager()], people(1, 1), minimum=3) == "[Participant]"


def test_attribution_counts_people_not_interviews():
    twice = people_behind([("t1", manager()), ("t1", manager()), ("t1", manager())])
    assert attribution([manager()], twice, minimum=2) == "[Participant]"


def test_attribution_counts_the_phase_by_itself():
    early = people(5, phase="3m")
    assert attribution([manager()], early, minimum=3) == "[Participant]"


def test_attribution_without_role_uses_the_group():
    parent = Standing("", "Parents", "12m", "interview")
    assert attribution([parent], people(0, 0, 3), minimum=3) == "[Parents, 12m interview]"


def test_attribution_of_several_speakers_fits_them_all():
    both = [manager(), Standing("Service manager", "Managers", "12m", "interview")]
    assert attribution(both, people(3, 3), minimum=3) == "[Managers, 12m interview]"
    mixed = [manager(), Standing("", "Parents", "12m", "interview")]
    assert attribution(mixed, people(3, 3, 3), minimum=3) == "[Participants, 12m interview]"


def test_attribution_of_an_unknown_speaker():
    assert attribution([], people(3), minimum=3) == "[Participant]"


def test_attribution_minimum_of_one_shows_everything():
    assert attribution([manager()], people(1), minimum=1) == "[Team manager, 12m interview]"
