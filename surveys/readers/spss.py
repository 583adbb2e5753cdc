"""SPSS .sav and .zsav through pyreadstat. Values are kept as codes; the file's own labels come beside them.

`user_missing=True`, because otherwise the codes that a questionnaire uses for "don't know" turn into blanks
silently.

The file is read in a process of its own: one wrong byte in a heading can make the C library behind pyreadstat
crash, and with it everything that the same process serves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ipe.errors import BadFile

from .sheet import Column, Line, Sheet, pack, unpack
from .table import MOST_CELLS, MOST_COLUMNS, MOST_ROWS, as_text

SPSS = "spss"
MOST_BYTES = 400 << 20  # of answers, unpacked
MOST_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]
REFUSED = 3  # exit code: the reason stands on the output
UNREADABLE = "This is not an SPSS file that can be read."


def read(data: bytes, *, file: str) -> Sheet:
    """The sheet of an SPSS file.

    Raises
        BadFile: It cannot be read, holds more than a survey, or makes its reader crash.
    """
    # pyreadstat reads from a path only. The directory is private to this user and goes with the block.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "survey.sav"
        path.write_bytes(data)
        try:
            done = subprocess.run(  # noqa: S603  # our own interpreter, our own module, a path of our own
                [sys.executable, "-m", __name__, str(path)],
                cwd=ROOT,
                # The keys of the application are none of the child's business.
                env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
                capture_output=True,
                timeout=MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BadFile(UNREADABLE, file=file) from None
    if done.returncode == REFUSED:
        raise BadFile(done.stdout.decode(), file=file)
    if done.returncode:
        raise BadFile(UNREADABLE, file=file)
    return unpack(done.stdout)


def parsed(path: Path) -> Sheet:
    """As `read`, in this process."""
    import pandas as pd  # with pyreadstat half a second, and no process but this one's needs them
    import pyreadstat

    try:
        # The headings first: a compressed file of some kilobytes can say that it holds gigabytes.
        _, head = pyreadstat.read_sav(path, metadataonly=True)
        _check_size(head)
        frame, meta = pyreadstat.read_sav(
            path, user_missing=True, disable_datetime_conversion=False, row_limit=MOST_ROWS + 1
        )
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeDecodeError) as error:
        raise BadFile(UNREADABLE) from error
    texts = meta.column_names_to_labels
    columns = tuple(Column(at, name, texts.get(name) or name) for at, name in enumerate(meta.column_names))
    labels = {
        name: {as_text(value): str(label) for value, label in found.items()}
        for name, found in meta.variable_value_labels.items()
    }
    lines = tuple(
        Line(number, tuple("" if pd.isna(value) else as_text(value).strip() for value in row))
        for number, row in enumerate(frame.itertuples(index=False, name=None), start=1)
    )
    return Sheet(SPSS, columns, lines, labels=labels)


def _check_size(head: Any) -> None:
    """Rows, columns and the bytes that they take unpacked, as the file says them; rows may be unknown (None)."""
    n_columns, n_rows = len(head.column_names), head.number_rows
    n_rows = MOST_ROWS if n_rows is None or n_rows < 0 else n_rows
    row_bytes = sum(max(width, 8) for width in head.variable_storage_width.values())
    if n_columns > MOST_COLUMNS or n_rows > MOST_ROWS or n_columns * n_rows > MOST_CELLS:
        raise BadFile(
            f"The file has more than {MOST_ROWS:,} rows, {MOST_COLUMNS:,} columns or {MOST_CELLS:,} cells."
        )
    if row_bytes * n_rows > MOST_BYTES:
        raise BadFile("The file unpacks to far more than a survey holds.")


def main(path: Path) -> int:
    try:
        packed = pack(parsed(path))
    except BadFile as refused:
        sys.stdout.buffer.write(refused.message.encode())
        return REFUSED
    sys.stdout.buffer.write(packed)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
