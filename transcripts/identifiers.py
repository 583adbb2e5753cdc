"""Suggestions of what may identify someone in a text. A person decides each one; nothing here replaces
anything.

Names of the study (participants, staff, places, teams) are found by comparing folded words, so that no name
is ever put into a pattern; the rest by patterns for the UK. The same text and lists give the same suggestions
in the same order every time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcripts import names
from transcripts.offsets import Span

_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f"
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ`´′"), "'")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


@dataclass(frozen=True, slots=True)
class Known:
    """Someone or something the study knows: `key` leads back to it, `called` are its names in any form."""

    key: str
    category: str
    called: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`keys` are the known ones this may be: none for a pattern, several when two people share the name."""

    start: int
    end: int
    category: str
    found_by: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str
    folded: str

    @property
    def is_capital(self) -> bool:
        return not self.text[0].islower()

    @property
    def is_title_case(self) -> bool:
        return self.text[0].isupper()


def folded(text: str) -> str:
    """The form in which names are compared: no accents, one case, straight apostrophes and hyphens, single
    spaces."""
    if text.isascii():  # most words are, and then only one sign has another form
        return " ".join(text.replace("`", "'").lower().split())
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).translate(_HYPHENS))
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(bare.casefold().split())


def variants(name: str) -> tuple[str, ...]:
    """Forms by which a person of this name may be called: the name, the first name, short and full forms of
    the first name.

    "Thomas Baker" gives Thomas Baker, Tom Baker, Tommy Baker, Thomas, Tom and Tommy. Titles are left out, and
    so is the surname alone, which a whole family shares (`surname`).
    """
    parts = [part for part in re.split(r"\s+", name.strip()) if folded(part).strip(".") not in names.TITLES]
    if not parts:
        return ()
    first = folded(parts[0])
    firsts = [parts[0]]
    for full, shorts in names.SHORT_FORMS.items():
        if first == full:
            firsts += [short.capitalize() for short in shorts]
        elif first in shorts:
            firsts += [full.capitalize(), *(short.capitalize() for short in shorts)]
    rest = parts[1:]
    found = [" ".join([one, *rest]) for one in firsts]
    if rest:
        found += firsts
        if len(rest) > 1:
            found += [" ".join([one, rest[-1]]) for one in firsts]
    # An initial is no name by itself.
    return tuple(dict.fromkeys(form for form in found if len(folded(form).strip(".")) > 1))


def surname(name: str) -> str:
    """The last word of a name of two or more words, else nothing."""
    parts = [part for part in name.split() if folded(part).strip(".") not in names.TITLES]
    return parts[-1] if len(parts) > 1 and len(folded(parts[-1])) > 1 else ""


def words(text: str) -> list[_Word]:
    return [_Word(m.start(), m.end(), m[0], folded(m[0])) for m in _WORD.finditer(text)]


def suggest(text: str, known: Iterable[Known] = (), *, taken: Iterable[Span] = ()) -> list[Suggestion]:
    """Suggestions in order of position, none overlapping another, a span in `taken`, or a placeholder such as
    [Place 2].

    Of overlapping candidates the longest stands; of equal ones that from the study's own names, then the
    stricter pattern, then the first.
    """
    tokens = words(text)
    candidates = [
        *_known(text, tokens, known),
        *_patterns(text),
        *_people(text, tokens),
        *_places(text, tokens),
        *_capitals(text, tokens),
    ]
    candidates.sort(key=lambda c: (c.start - c.end, _ORDER[c.found_by], c.start, c.category, c.keys))
    occupied = bytearray(len(text))
    for start, end in [*taken, *(match.span() for match in _PLACEHOLDER.finditer(text))]:
        occupied[start:end] = b"\1" * (end - start)
    chosen = []
    for candidate in candidates:
        if not any(occupied[candidate.start : candidate.end]):
            occupied[candidate.start : candidate.end] = b"\1" * (candidate.end - candidate.start)
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: c.start)


def places_of(text: str, called: str) -> list[Span]:
    """Every place where exactly these words stand, whatever their case, accents and kinds of blank, never
    inside a longer word.

    White space and signs at the ends of `called` do not count, except where it has no letter at all.
    """
    tokens = words(text)
    parts = words(called)
    if not parts:
        return [(found.start, found.end) for found in _literal(text, called, Known("", "", (called,)))]
    shape: list[str] = [parts[0].folded]
    for before, part in pairwise(parts):
        shape += (_gap(called[before.end : part.start]), part.folded)
    found: list[Span] = []
    for n, token in enumerate(tokens):
        last = n + len(parts) - 1
        if last >= len(tokens) or (found and token.start < found[-1][1]):
            continue
        if _fits(text, tokens[n : last + 1], shape):
            found.append(_with_edges(text, (token.start, tokens[last].end), [_edges(called, parts)]))
    return found


_ORDER = {"study": 0, "pattern": 1, "title": 2, "name list": 3, "context": 4, "capital": 5}
_PLACEHOLDER = re.compile(r"\[(?:P-\d+|[A-Z][^\[\]\n]{0,50} \d+)\]")


# --- the study's own names ---


def _gap(text: str) -> str:
    return " ".join(text.translate(_APOSTROPHES).translate(_HYPHENS).split()) or (" " if text else "")


def _known(text: str, tokens: Sequence[_Word], known: Iterable[Known]) -> Iterator[Suggestion]:
    """Word by word; between the words of a name stands what stands in the name (any white space for a
    space)."""
    by_first: dict[str, dict[tuple[str, ...], set[tuple[str, str]]]] = {}
    edges: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for one in known:
        for called in one.called:
            parts = words(called)
            if not parts:
                yield from _literal(text, called, one)
                continue
            shape: list[str] = [parts[0].folded]
            for before, part in pairwise(parts):
                shape += (_gap(called[before.end : part.start]), part.folded)
            by_first.setdefault(shape[0], {}).setdefault(tuple(shape), set()).add((one.category, one.key))
            edges.setdefault(tuple(shape), set()).add(_edges(called, parts))
    for n, token in enumerate(tokens):
        for form, owners in by_first.get(token.folded, {}).items():
            last = n + len(form) // 2
            if last >= len(tokens) or not _fits(text, tokens[n : last + 1], form):
                continue
            if len(form) == 1 and not _is_meant(text, tokens, n):
                continue
            for category in sorted({category for category, _ in owners}):
                keys = tuple(sorted(key for c, key in owners if c == category))
                span = _with_edges(text, (token.start, tokens[last].end), edges[form])
                yield Suggestion(*span, category, "study", keys)


def _edges(called: str, parts: Sequence[_Word]) -> tuple[str, str]:
    """The signs before the first and after the last word of a name."""
    return called[: parts[0].start].strip(), called[parts[-1].end :].strip()


def _with_edges(text: str, span: Span, edges: Iterable[tuple[str, str]]) -> Span:
    """The span with such signs where they stand around it, so that none is left beside a placeholder."""
    start, end = span
    before = max((len(a) for a, _ in edges if a and text.endswith(a, 0, start)), default=0)
    after = max((len(b) for _, b in edges if b and text.startswith(b, end)), default=0)
    return start - before, end + after


def _fits(text: str, tokens: Sequence[_Word], shape: Sequence[str]) -> bool:
    if any(token.folded != part for token, part in zip(tokens, shape[::2], strict=True)):
        return False
    gaps = (_gap(text[a.end : b.start]) for a, b in pairwise(tokens))
    return all(gap == part for gap, part in zip(gaps, shape[1::2], strict=True))


def _literal(text: str, called: str, one: Known) -> Iterator[Suggestion]:
    """A name without a letter in it, such as an emoji."""
    called = called.strip()
    at = text.find(called) if called else -1
    while at != -1:
        yield Suggestion(at, at + len(called), one.category, "study", (one.key,))
        at = text.find(called, at + len(called))


def _opens_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 12) : start].rstrip(" \t\u00a0\"'“‘([")
    return not before or before[-1] in ".?!:>\n…-–—"  # a caption begins after its voice tag


def _is_meant(text: str, tokens: Sequence[_Word], n: int) -> bool:
    """Whether a single word that is a name is written as one here: Hope, Mark and Will are words as well."""
    token = tokens[n]
    if len(token.folded) <= 2 and not token.is_capital:
        return False
    if token.folded not in names.ORDINARY_WORDS:
        return True
    if not token.is_title_case:
        return False
    if token.text.isupper() and len(token.text) > 1 and _line_is_upper(text, token):
        return False
    if not _opens_sentence(text, token.start):
        return True
    following = tokens[n + 1] if n + 1 < len(tokens) else None
    if following is None:
        return False
    between = text[token.end : following.start]
    if between in "'’" and following.folded == "s":
        after = tokens[n + 2] if n + 2 < len(tokens) else None
        return after is not None and after.folded not in {"a", "the", "not", "all"}
    return between.isspace() and (following.folded in names.PERSON_VERBS)


def _line_is_upper(text: str, token: _Word) -> bool:
    line = text[text.rfind("\n", 0, token.start) + 1 : (text.find("\n", token.end) + 1 or len(text) + 1) - 1]
    return line.isupper() and len(line) > len(token.text)


# --- people ---

_JOINS = re.compile(r"(?:[ \u00a0]|[-‐‑'’])\Z")


def _people(text: str, tokens: Sequence[_Word]) -> Iterator[Suggestion]:
    for n, token in enumerate(tokens):
        if token.folded in names.TITLES and token.is_title_case and n + 1 < len(tokens):
            gap = text[token.end : tokens[n + 1].start]
            if gap in {" ", "\u00a0", ". ", ".\u00a0"} and (
                _continues(tokens[n + 1]) or _is_prefix(text, tokens[n + 1])
            ):
                yield Suggestion(tokens[n + 1].start, _name_end(text, tokens, n + 1), "person", "title")
        if token.folded in names.FIRST_NAMES and token.is_title_case:
            follows = n + 1 < len(tokens) and text[token.end : tokens[n + 1].start] in {
                " ",
                "\u00a0",
                "-",
                "‑",
            }
            has_surname = (
                follows and _continues(tokens[n + 1]) and tokens[n + 1].folded not in names.ORDINARY_WORDS
            )
            if has_surname or _is_meant(text, tokens, n):
                yield Suggestion(token.start, _name_end(text, tokens, n), "person", "name list")


def _is_prefix(text: str, token: _Word) -> bool:
    """Whether this is the O of O'Brien."""
    return len(token.text) == 1 and token.is_title_case and text[token.end : token.end + 1] in {"'", "’"}


def _capitals(text: str, tokens: Sequence[_Word]) -> Iterator[Suggestion]:
    """Capitalised words that no list knows: within a sentence, or opening one and never written small elsewhere.

    A first name that no list holds is most likely to belong to somebody who is easily found by it.
    """
    small = {token.folded for token in tokens if not token.is_capital}
    within = {
        token.folded for token in tokens if _is_odd_capital(token) and not _opens_sentence(text, token.start)
    }
    for n, token in enumerate(tokens):
        if not _is_odd_capital(token) or _is_after_apostrophe(text, token):
            continue
        follows = tokens[n + 1].folded if n + 1 < len(tokens) else ""
        is_said_of = follows in names.PERSON_VERBS and token.folded not in small
        opens = _opens_sentence(text, token.start)
        is_name = token.folded in within - small and not (opens and token.folded in names.ORDINARY_WORDS)
        if is_name or is_said_of:
            is_after_prefix = (
                n > 0 and token.start == tokens[n - 1].end + 1 and _is_prefix(text, tokens[n - 1])
            )
            start = tokens[n - 1].start if is_after_prefix else token.start
            yield Suggestion(start, _name_end(text, tokens, n), "person", "capital")


def _is_odd_capital(token: _Word) -> bool:
    is_acronym = token.text.isupper() and len(token.text) <= 6
    known = token.folded in names.NOT_NAMES or token.folded in names.TITLES
    return (
        token.is_title_case and token.text.isalpha() and len(token.text) > 1 and not is_acronym and not known
    )


def _is_after_apostrophe(text: str, token: _Word) -> bool:
    return token.start > 0 and text[token.start - 1] in "'’" and len(token.text) <= 2


def _continues(token: _Word) -> bool:
    return token.is_title_case and len(token.text) > 1 and token.folded not in names.NOT_NAMES


def _name_end(text: str, tokens: Sequence[_Word], n: int) -> int:
    """The end of a name that begins at word n: up to three more capitalised words joined by a space, hyphen
    or apostrophe."""
    end = tokens[n].end
    for before, token in zip(tokens[n : n + 3], tokens[n + 1 : n + 4], strict=False):
        gap = text[before.end : token.start]
        is_prefix = len(before.text) == 1 and gap in "'’"
        if not _JOINS.fullmatch(gap) or not (_continues(token) or is_prefix or _is_prefix(text, token)):
            break
        if gap in "'’" and not (is_prefix or token.is_title_case):
            break
        if token.folded in names.TITLES:
            break
        end = token.end
    return end


def _places(text: str, tokens: Sequence[_Word]) -> Iterator[Suggestion]:
    for n, token in enumerate(tokens):
        if not token.is_title_case or token.folded in names.NOT_NAMES:
            continue
        before = tokens[n - 1].folded if n else ""
        is_led = before in {"in", "from", "near", "to", "at", "around", "outside", "of"}
        if token.folded in names.DOUBTFUL_PLACES:
            if is_led:
                yield Suggestion(token.start, token.end, "place", "name list")
        elif token.folded in names.PLACES:
            yield Suggestion(token.start, token.end, "place", "name list")
        elif is_led and _is_led_to_place(tokens, n) and token.folded not in names.FIRST_NAMES:
            yield Suggestion(token.start, _name_end(text, tokens, n), "place", "context")


def _is_led_to_place(tokens: Sequence[_Word], n: int) -> bool:
    led = " ".join(word.folded for word in tokens[max(0, n - 3) : n])
    return bool(
        re.search(
            r"\b(?:liv(?:e|es|ed|ing) in|moved (?:to|from)|moving to|born in|grew up in|"
            r"come from|came from|over in)$",
            led,
        )
    )


# --- patterns ---

_BLANK = "[ \u00a0]"
_CAP = r"[A-Z][\w'’.&-]{0,40}"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|"
    r"Dec(?:ember)?)"
)
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_DIGITS = "one|two|three|four|five|six|seven|eight|nine"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBER = rf"(?:\d{{1,2}}|(?:{_TENS})(?:[- ](?:{_DIGITS}))?|{_TEENS}|{_DIGITS})"

_EMAIL = re.compile(
    # Bounded as addresses are: without it one endless word would be read from each of its letters to its end.
    r"[^\W_][\w.+'-]{0,63}@[^\W_](?:[\w-]{0,62}[^\W_])?(?:\.[^\W_](?:[\w-]{0,62}[^\W_])?){1,8}"
)
_PHONE = re.compile(
    r"(?<![\w+])(?:(?:\+|00)?44[\s.-]?(?:\(0\))?[\s.-]?|\(?0\)?[\s.-]?)\d(?:[\s().-]{0,2}\d){7,9}(?!\w)"
)
_POSTCODE = re.compile(
    r"(?<!\w)(?:GIR[ \u00a0]?0AA|"
    r"[A-PR-UWYZ](?:\d[\dA-HJKPSTUW]?|[A-HK-Y]\d[\dABEHMNPRVWXY]?)[ \u00a0]{0,2}\d[ABD-HJLNP-UW-Z]{2})(?!\w)",
    re.IGNORECASE,
)
# Prefixes and the letters left out: https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
_NI_NUMBER = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ \u00a0-]?"
    r"(?:\d{2}[ \u00a0-]?){3}[A-D](?!\w)",
    re.IGNORECASE,
)
_TEN_DIGITS = re.compile(r"(?<![\w+])\d{3}([ \u00a0-]?)\d{3}\1\d{4}(?!\w)")
_DATES = (
    re.compile(r"(?<![\w/])\d{1,2}([/.-])\d{1,2}\1(?:\d{4}|\d{2})(?![\w/])"),
    re.compile(r"(?<!\w)\d{4}-\d{2}-\d{2}(?!\w)"),
    re.compile(rf"(?<!\w)\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ \u00a0]{_MONTH}\.?(?:,?[ \u00a0]\d{{4}})?(?!\w)"),
    re.compile(rf"(?<!\w){_MONTH}\.?[ \u00a0]\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ \u00a0]\d{{4}})?(?!\w)"),
    re.compile(rf"(?<!\w){_MONTH}[ \u00a0]\d{{4}}(?!\w)"),
)
_BIRTH = re.compile(
    r"\b(?:born|d\.?o\.?b\.?|date of birth|birth ?day|birth ?date)\b[^.\n]{0,40}\Z", re.IGNORECASE
)
_AGE_ENDS = r"(?=\s*[.,;!?]|\s+(?:now|then|at the time|when|and|but|this year|next)\b)"
_AGES = (
    re.compile(r"(?<!\w)\d{1,2}[ -]?(?:yrs?[ -]?olds?|yo|y/o)(?!\w)", re.IGNORECASE),
    re.compile(
        rf"(?<!\w){_NUMBER}(?:[ -]|\u00a0)(?:years?|yrs?|months?|weeks?)(?:[ -]|\u00a0)olds?(?!\w)",
        re.IGNORECASE,
    ),
    re.compile(rf"(?<!\w)(?:aged?|age of)[ \u00a0]{_NUMBER}(?!\w)", re.IGNORECASE),
    re.compile(
        rf"(?<!\w)(?:(?:he|she|they|who)(?:['’](?:s|re)| is| was| were)|turned|turning|i['’]m|i am|i was)"
        rf"(?: only| just| about| nearly)? ({_NUMBER})"
        rf"{_AGE_ENDS}",
        re.IGNORECASE,
    ),
    # “Amina is 14 now”: after a name in capitals, so not whatever the case.
    re.compile(
        rf"(?<!\w)[A-Z][\w-]{{1,30}}(?:['’]s| is| was)(?: only| just| about| nearly)? (\d{{1,2}}){_AGE_ENDS}"
    ),
)
_CLOSED = {
    "school": re.compile(
        rf"(?<!\w)(?:(?:St\.?|{_CAP}){_BLANK}(?:of{_BLANK})?){{1,4}}?"
        rf"(?:(?:{names.SCHOOL_WORDS})(?:{_BLANK}(?={names.SCHOOL_WORDS}))?)+(?!\w)"
    ),
    "health": re.compile(rf"(?<!\w)(?:{_CAP}{_BLANK}(?:of{_BLANK})?){{1,4}}?(?:{names.HEALTH_WORDS})(?!\w)"),
    "street": re.compile(
        rf"(?<!\w)(?:(?:(?:Flat|Unit){_BLANK})?\d{{1,4}}[A-Za-z]?,?{_BLANK})?"
        rf"(?:{_CAP}{_BLANK}){{1,3}}?(?:{names.STREET_WORDS})(?!\w)"
    ),
    "organisation": re.compile(rf"(?<!\w)(?:{_CAP}{_BLANK}){{1,4}}?(?:{names.BODY_WORDS})(?!\w)"),
}
_JOB = re.compile(
    r"(?<!\w)(?:"
    + "|".join(re.escape(job).replace("\\-", "[ -]").replace("\u00a0", " ") for job in sorted(names.JOBS))
    + r")s?(?!\w)",
    re.IGNORECASE,
)
_EVENT = re.compile(rf"(?<!\w)(?:{names.EVENT_WORDS})(?!\w)", re.IGNORECASE)


def nhs_check_digit_holds(digits: str) -> bool:
    """Whether ten digits are an NHS number: weights 10 to 2, modulus 11, a remainder of 10 is never
    issued."""
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    check = 11 - sum(int(d) * w for d, w in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return check != 10 and check % 11 == int(digits[9])


def _patterns(text: str) -> Iterator[Suggestion]:
    for match in _EMAIL.finditer(text):
        yield Suggestion(*match.span(), "email", "pattern")
    for match in _POSTCODE.finditer(text):
        yield Suggestion(*match.span(), "postcode", "pattern")
    for match in _NI_NUMBER.finditer(text):
        yield Suggestion(*match.span(), "ni_number", "pattern")
    for match in _TEN_DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if (
            nhs_check_digit_holds(digits)
            or "nhs" in text[max(0, match.start() - 30) : match.start()].casefold()
        ):
            yield Suggestion(*match.span(), "nhs_number", "pattern")
    for match in _PHONE.finditer(text):
        if len(re.sub(r"\D", "", match[0].replace("(0)", "")).removeprefix("00")) in {10, 11, 12}:
            yield Suggestion(*match.span(), "phone", "pattern")
    yield from _dates_and_ages(text)
    yield from _named_bodies(text)
    for pattern, category in ((_JOB, "job"), (_EVENT, "event")):
        for match in pattern.finditer(text):
            yield Suggestion(*match.span(), category, "pattern")


def _dates_and_ages(text: str) -> Iterator[Suggestion]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            is_birth = _BIRTH.search(text[max(0, match.start() - 60) : match.start()])
            yield Suggestion(*match.span(), "birth_date" if is_birth else "date", "pattern")
    for pattern in _AGES:
        for match in pattern.finditer(text):
            group = 1 if match.lastindex else 0
            yield Suggestion(*match.span(group), "age", "pattern")


def _named_bodies(text: str) -> Iterator[Suggestion]:
    for category, pattern in _CLOSED.items():
        for match in pattern.finditer(text):
            start = match.start()
            # "The", "Then" or "My" before a name is no part of it, and alone it names nothing.
            while (word := _WORD.match(text, start)) and folded(word[0]) in names.NOT_NAMES | {
                "the",
                "local",
                "primary",
                "high",
            }:
                gap = re.compile(r"[ \u00a0]+").match(text, word.end())
                if not gap or gap.end() >= match.end():
                    break
                start = gap.end()
            if len(text[start : match.end()].split()) > 1:
                yield Suggestion(start, match.end(), category, "pattern")
