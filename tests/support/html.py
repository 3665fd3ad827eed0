"""What is in a page: its elements, its words, and the JSON that its script reads."""

import html.parser
import json


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, and the text of the JSON."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data, self.inside, self.words = "", "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "data":
            self.data += data
        elif self.inside not in ("style", "script"):
            self.words += data

    @property
    def json(self):
        def refuse(name):
            raise AssertionError(f"{name} in the page's JSON")

        return json.loads(self.data, parse_constant=refuse)


def check_self_contained(text):
    reader = Reader(text)
    assert "://" not in text
    assert {tag for tag, _ in reader.elements}.isdisjoint(
        {"iframe", "object", "embed", "form", "base", "audio", "video"}
    )
    for tag, attributes in reader.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, name)
        assert not any(name.startswith("on") for name in attributes), tag
        assert "url(" not in (attributes.get("style") or "")
    assert "@import" not in text
    assert "url(" not in text
    return reader
