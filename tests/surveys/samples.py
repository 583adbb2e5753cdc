"""Files as survey programs send them, of our own making and with invented answers."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pyreadstat

# Field, wording and import id of the columns that Qualtrics puts before the questions, in a German account.
CURRENT = [
    ("StartDate", "Anfangsdatum", "startDate"),
    ("EndDate", "Enddatum", "endDate"),
    ("Status", "Antworttyp", "status"),
    ("IPAddress", "IP-Adresse", "ipAddress"),
    ("Progress", "Aktueller Stand", "progress"),
    ("Duration (in seconds)", "Dauer (in Sekunden)", "duration"),
    ("Finished", "Beendet", "finished"),
    ("RecordedDate", "Erfassungsdatum", "recordedDate"),
    ("ResponseId", "Antwort-ID", "_recordId"),
    ("RecipientLastName", "Nachname des Empfängers", "recipientLastName"),
    ("RecipientFirstName", "Vorname des Empfängers", "recipientFirstName"),
    ("RecipientEmail", "E-Mail des Empfängers", "recipientEmail"),
    ("LocationLatitude", "Breitengrad des Standorts", "locationLatitude"),
    ("LocationLongitude", "Längengrad des Standorts", "locationLongitude"),
    ("UserLanguage", "Benutzersprache", "userLanguage"),
    ("Q1", "How much time do you have for direct work with families?", "QID1"),
    ("Q2", "What would help,\nin your own words?", "QID2_TEXT"),
]
PERSONAL = {
    "recipientLastName",
    "recipientFirstName",
    "recipientEmail",
    "ipAddress",
    "locationLatitude",
    "locationLongitude",
}
LEGACY = [
    ("V1", "ResponseID"),
    ("V2", "ResponseSet"),
    ("V3", "Name"),
    ("V4", "ExternalDataReference"),
    ("V5", "EmailAddress"),
    ("V6", "IPAddress"),
    ("V7", "Status"),
    ("V8", "StartDate"),
    ("V9", "EndDate"),
    ("V10", "Finished"),
    ("Q1", "How much time do you have for direct work with families?"),
    ("Q2", "What would help?"),
    ("LocationLatitude", "LocationLatitude"),
    ("LocationLongitude", "LocationLongitude"),
    ("LocationAccuracy", "LocationAccuracy"),
]


def as_csv(*rows: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def qualtrics() -> bytes:
    """The export since 2017: three heading rows, the third with import ids, and one answer."""
    answer = [
        "2026-03-02 09:14:07", "2026-03-02 09:15:31", "0", "192.0.2.66", "100", "84", "1", "2026-03-02 09:15:32",
        "R_3kTzQmVnA1b2C3d", "Invented", "Ina", "ina@example.org", "52.19", "0.13", "DE", "2", "A desk, and quiet",
    ]  # fmt: skip
    names, wordings, ids = zip(*CURRENT, strict=True)
    return as_csv(
        list(names),
        list(wordings),
        [json.dumps({"ImportId": one}, separators=(",", ":")) for one in ids],
        answer,
    )


def qualtrics_legacy() -> bytes:
    """The export before: two heading rows, a byte order mark, and a comma at the end of every row."""
    answer = [
        "R_9aBcDeFgHiJkLmN", "Default Response Set", "Anonymous", "", "", "192.0.2.66", "0", "2016-03-02 09:14:07",
        "2016-03-02 09:15:31", "1", "2", "A desk", "52.19", "0.13", "-1",
    ]  # fmt: skip
    names, wordings = zip(*LEGACY, strict=True)
    return b"\xef\xbb\xbf" + as_csv([*names, ""], [*wordings, ""], [*answer, ""])


def spss(folder: Path) -> bytes:
    """Codes that mean no answer (98, 99), blanks, labelled and ordered answers, a date and text."""
    frame = pd.DataFrame(
        {
            "TIME": [1.0, 4.0, 98.0, 99.0, None],
            "HELP": ["A desk", "", "naïve – “quite”", "n/a", "x"],
            "LEVEL": [1.0, 2.0, 3.0, 3.0, 1.0],
            "HOURS": [7.5, 8.25, 0.0, -1.0, 40.0],
        }
    )
    path = folder / "sample.sav"
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"TIME": "I have enough time", "LEVEL": "Level of the post"},
        variable_value_labels={
            "TIME": {1: "Strongly disagree", 4: "Strongly agree", 98: "Don’t know", 99: "No answer"},
            "LEVEL": {1: "low", 2: "medium", 3: "high"},
        },
        missing_ranges={"TIME": [{"lo": 98, "hi": 99}], "HOURS": [-1], "HELP": ["n/a"]},
        variable_measure={"TIME": "ordinal", "HELP": "nominal", "LEVEL": "ordinal", "HOURS": "scale"},
    )
    return path.read_bytes()
