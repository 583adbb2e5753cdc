import json
import logging
import sys

import pytest

from ipe.logs import JsonLines


@pytest.mark.row("V16.2.5")
def test_exception_is_told_without_its_message():
    try:
        raise ValueError("Ann Smith, 07700 900123")
    except ValueError:
        record = logging.LogRecord("ipe", logging.ERROR, __file__, 1, "failed %s", ("id",), sys.exc_info())
    line = json.loads(JsonLines().format(record))
    assert line["error"] == "ValueError"
    assert line["message"] == "failed id"
    assert "Ann" not in json.dumps(line)


@pytest.mark.row("V16.4.1")
def test_line_breaks_cannot_forge_a_second_line():
    record = logging.LogRecord("ipe", logging.INFO, __file__, 1, 'x\n{"level": "ERROR"}', (), None)
    assert "\n" not in JsonLines().format(record)
