import re
from pathlib import Path

from surveys import mapping


def test_the_example_in_the_documentation_is_a_mapping():
    text = Path("docs/survey-mapping.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.S)[1]
    part = mapping.load(example.encode(), file="docs/survey-mapping.md")
    assert part.items["mi-useful"].values == {"10": "strongly-agree", "11": "agree"}
    for model in (mapping.MappingPart, mapping.RespondentPart, mapping.ItemPart):
        for field in model.model_fields:
            assert f"{field}:" in example, field
