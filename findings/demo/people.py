"""The invented people of the demo study: those who work on it and those who take part in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ipe.words import Group, Role

PASSWORD = "harbour lights at dusk"  # noqa: S105 - of the demo accounts, printed at the start; production refuses them


@dataclass(frozen=True)
class Account:
    email: str
    name: str
    roles: tuple[str, ...]
    sites: tuple[str, ...] = ()  # none: every site
    may_create_studies: bool = False


ACCOUNTS = (
    Account("lead@demo.example", "Leonie Marsh", (Role.LEAD,), may_create_studies=True),
    Account("fieldwork@demo.example", "Priya Sandhu", (Role.FIELDWORK,)),
    Account("researcher@demo.example", "Rowan Ellis", (Role.RESEARCHER,)),
    Account("writer@demo.example", "Wilf Barker", (Role.WRITER,)),
    Account("protection@demo.example", "Dagmar Stone", (Role.DATA_PROTECTION,)),
    Account("ellery@demo.example", "Elin Morgan", (Role.FIELDWORK, Role.RESEARCHER), sites=("ELL",)),
)
LEAD, FIELDWORK, RESEARCHER = (account.email for account in ACCOUNTS[:3])


@dataclass(frozen=True)
class Person:
    """A participant. `answers` are the consent items said yes to; None: no form was answered."""

    name: str
    site: str
    group: str
    role_title: str
    teams: tuple[str, ...] = ()
    answers: tuple[str, ...] | None = None
    recruitment: str = "consented"
    kind: str = "staff"
    email: str = ""
    phone: str = ""
    safe_note: str = ""
    phases: tuple[str, ...] = ("12m",)
    said_no: tuple[str, ...] = field(default=())
    signed_days_ago: int = 40


ALL = ("take_part", "record", "quote", "archive", "recontact")

PEOPLE = (
    Person(
        "Ruth Penhallow",
        "MER",
        Group.LEADERS,
        "Head of service",
        answers=ALL,
        phases=("pre", "12m"),
        signed_days_ago=510,
    ),
    Person("Marion Oakes", "MER", Group.MANAGERS, "Team manager", ("north-quay",), ALL),
    Person("Hilary Ross", "MER", Group.MANAGERS, "Team manager", ("south-quay",), recruitment="informed"),
    Person("Colin Farrow", "MER", Group.PRACTITIONERS, "Social worker", ("north-quay",), ALL),
    Person("Shabnam Akhtar", "MER", Group.PRACTITIONERS, "Social worker", ("south-quay",), ALL),
    Person("Lewis Tan", "MER", Group.PRACTITIONERS, "Social worker", ("south-quay",), ALL),
    Person(
        "Bernadette Coyle",
        "MER",
        Group.PRACTITIONERS,
        "Family support worker",
        ("south-quay",),
        ("take_part", "record", "archive"),
        said_no=("quote",),
    ),
    Person("Jo Whitcombe", "MER", Group.PRACTITIONERS, "Social worker", ("south-quay",), ALL),
    Person(
        "Tobias Brandt",
        "MER",
        Group.SPECIALISTS,
        "Substance misuse practitioner",
        ("north-quay", "south-quay"),
        ALL,
    ),
    Person(
        "Ewan Muir", "MER", Group.SPECIALISTS, "Mental health practitioner", ("north-quay", "south-quay"), ALL
    ),
    Person(
        "Denise Kavanagh",
        "MER",
        Group.SPECIALISTS,
        "Domestic abuse practitioner",
        ("north-quay",),
        recruitment="agreed_to_contact",
    ),
    Person(
        "Kelly-Anne Pryce",
        "MER",
        Group.PARENTS,
        "",
        ("north-quay",),
        ("take_part", "record", "quote"),
        kind="family",
        phone="07700 900356",
        safe_note="Ring between 10 and 2 only. Never leave a message.",
        said_no=("archive",),
    ),
    Person("Sunniva Hale", "ELL", Group.MANAGERS, "Team manager", ("harbour",), ALL, phases=("12m",)),
    Person("Callum Obi", "ELL", Group.PRACTITIONERS, "Social worker", ("harbour",), recruitment="informed"),
    Person(
        "Tamsin Reyes", "ELL", Group.PRACTITIONERS, "Social worker", ("station",), recruitment="approached"
    ),
    Person(
        "Imran Doyle",
        "ELL",
        Group.SPECIALISTS,
        "Mental health practitioner",
        ("station",),
        recruitment="declined",
    ),
    Person(
        "Nerys Vaughan", "ELL", Group.LEADERS, "Director", answers=ALL, phases=("pre",), signed_days_ago=340
    ),
)
