import pytest

from tests.rows import BadRows, Holder, Row, holders, listed, pages

HEAD = "group\tid\tpriority\ttitle\n"
FRUIT = Row("Fruit", "FR-01", "M", "An apple is round")
PEAR = Row("Fruit", "FR-02", "", "A pear is not")


@pytest.fixture
def written(tmp_path):
    """A folder of tests with one file of the given text."""

    def write(text, name="room/test_things.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"import pytest\n\n{text}")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('@pytest.mark.row("FR-01")\ndef test_a(): pass', {"FR-01": ["test_a"]}),
        (
            '@pytest.mark.row("FR-01", "FR-02")\ndef test_a(): pass',
            {"FR-01": ["test_a"], "FR-02": ["test_a"]},
        ),
        (
            '@pytest.mark.row("FR-02")\n@pytest.mark.slow\n@pytest.mark.row("FR-01")\ndef test_a(): pass',
            {"FR-01": ["test_a"], "FR-02": ["test_a"]},
        ),
        (
            '@pytest.mark.row("FR-01")\nclass TestA:\n    def test_b(self): pass\n    def help(self): pass',
            {"FR-01": ["TestA.test_b"]},
        ),
        (
            'class TestA:\n    pytestmark = [pytest.mark.row("FR-01")]\n    def test_b(self): pass',
            {"FR-01": ["TestA.test_b"]},
        ),
        (
            'pytestmark = [pytest.mark.slow, pytest.mark.row("FR-01")]\ndef test_b(): pass\ndef test_a(): pass',
            {"FR-01": ["test_a", "test_b"]},
        ),
        (
            '@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.row("FR-01"))])\n'
            "def test_a(n): pass\ndef test_b(): pass",
            {"FR-01": ["test_a"]},
        ),
        (
            'CASES = [pytest.param(2, marks=[pytest.mark.row("FR-01")])]\n'
            '@pytest.mark.parametrize("n", CASES)\ndef test_a(n): pass\ndef test_b(): pass',
            {"FR-01": ["test_a"]},
        ),
        ('def test_a():\n    """It says @pytest.mark.row("FR-01")."""', {}),
    ],
)
def test_rows_are_found_wherever_a_marker_may_stand(written, text, found):
    held = holders(written(text))
    assert held == {
        id: [Holder("room/test_things.py", name) for name in names] for id, names in found.items()
    }


def test_rows_are_held_by_tests_of_several_files_in_order(written):
    text = '@pytest.mark.row("FR-01")\ndef test_a(): pass'
    written(text, "test_b.py")
    held = holders(written(text, "room/test_a.py"))
    assert held == {"FR-01": [Holder("room/test_a.py", "test_a"), Holder("test_b.py", "test_a")]}


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (
            '@pytest.mark.row("FR-01")\ndef helper(): pass',
            "test_a.py",
            "test_a.py, line 3: names a row where no",
        ),
        ('CASES = [pytest.mark.row("FR-01")]', "test_a.py", "where no test takes it up"),
        ('@pytest.mark.row("FR-01")\ndef test_a(): pass', "conftest.py", "where no test takes it up"),
        ("@pytest.mark.row\ndef test_a(): pass", "test_a.py", "where no test takes it up"),
        ("@pytest.mark.row()\ndef test_a(): pass", "test_a.py", "line 3: write the rows as strings"),
        ("@pytest.mark.row(FRUIT)\ndef test_a(): pass", "test_a.py", "write the rows as strings"),
        ('@pytest.mark.row("FR-01", 2)\ndef test_a(): pass', "test_a.py", "write the rows as strings"),
        ('@pytest.mark.row("FR-01", why="")\ndef test_a(): pass', "test_a.py", "write the rows as strings"),
    ],
)
def test_marker_that_would_be_lost_is_refused(written, text, name, words):
    with pytest.raises(BadRows, match=words):
        holders(written(text, name))


def test_list_is_read_in_its_order(tmp_path):
    file = tmp_path / "rows.tsv"
    file.write_text(f"{HEAD}Fruit\tFR-01\tM\tAn apple is round\nFruit\tFR-02\t\tA pear is not\n")
    assert listed(file) == [FRUIT, PEAR]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fruit\tFR-01\tM\tAn apple is round\n", "begin with the headings group, id, priority, title"),
        (f"{HEAD}Fruit\tFR-01\tAn apple is round\n", "line 2: needs"),
        (f"{HEAD}Fruit\tFR-01\tM\t\n", "line 2: needs"),
        (f"{HEAD}\tFR-01\tM\tAn apple\n", "line 2: needs"),
        (f"{HEAD}Fruit\tFR-01\tM\tAn apple\nNuts\tFR-01\tM\tA hazel\n", "lists twice: FR-01"),
    ],
)
def test_list_that_cannot_be_true_is_refused(tmp_path, text, words):
    file = tmp_path / "rows.tsv"
    file.write_text(text)
    with pytest.raises(BadRows, match=words):
        listed(file)


def test_page_of_a_group_counts_links_and_tells_what_nobody_holds():
    held = {
        "FR-01": [
            Holder("room/test_a.py", "test_a"),
            Holder("room/test_a.py", "test_c"),
            Holder("test_b.py", "TestB.test_b"),
        ]
    }
    made = pages([FRUIT, PEAR, Row("Nuts & seeds", "NU-01", "S", "A hazel is hard")], held)
    assert list(made) == ["README.md", "fruit.md", "nuts-seeds.md"]
    assert "| [Fruit](fruit.md) | 1 of 2 |\n" in made["README.md"]
    assert "| [Nuts & seeds](nuts-seeds.md) | 0 of 1 |\n| All | 1 of 3 |\n" in made["README.md"]
    assert made["fruit.md"] == (
        "# Fruit\n\n1 of 2 rows are held by a test. [All groups](README.md)\n\n"
        "## Held\n\n| Row | Priority | What | Tests |\n| --- | --- | --- | --- |\n"
        "| FR-01 | M | An apple is round | [room/test_a.py](../../tests/room/test_a.py) `test_a`, "
        "`test_c`"
        "<br>[test_b.py](../../tests/test_b.py) `TestB.test_b` |\n\n"
        "## Held by no test\n\n| Row | What |\n| --- | --- |\n| FR-02 | A pear is not |\n"
    )


def test_row_that_is_not_listed_is_named_with_its_test():
    with pytest.raises(BadRows, match=r"not listed: FR-09 in room/test_a\.py"):
        pages([FRUIT], {"FR-01": [], "FR-09": [Holder("room/test_a.py", "test_a")]})
