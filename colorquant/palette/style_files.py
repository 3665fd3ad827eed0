"""Palette files for documents: custom properties of CSS, variables of Sass, colour tables of StarOffice."""

from __future__ import annotations

import re

from colorquant.images.color_names import named_color
from colorquant.palette.entries import Codec, Entries, checked_entries, parse_hex

# A comment by itself; or a variable of CSS or Sass, what it stands for, and the comment behind it.
VARIABLE = re.compile(
    r"/\*.*?(?:\*/|\Z)|//[^\n]*|"
    r"(?:--|\$)(?P<name>[\w\u0080-\U0010ffff-]+)\s*:\s*(?P<value>[^;{}]*)(?P<end>[;}])?"
    r"[ \t]*(?:/\*(?P<comment>.*?)(?:\*/|\Z)|//(?P<line>[^\n]*))?",
    re.DOTALL,
)
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
NUMBERED = re.compile(r"color-\d+")
FUNCTION = re.compile(r"rgba?\(([^()]*)\)", re.IGNORECASE)
NUMBER = re.compile(r"([\d.]+)(%?)")
OTHER_FUNCTIONS = re.compile(r"(hsla?|hwb|lab|lch|oklab|oklch|color|color-mix)\(", re.IGNORECASE)
SOC_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ooo:color-table xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:svg="http://www.w3.org/2000/svg" xmlns:ooo="http://openoffice.org/2004/office">\n'
)


def write_css(entries: Entries) -> str:
    """Custom properties of the root element: ``--color-1: #rrggbb``. A name that is no identifier is in a comment.

    W3C, CSS Custom Properties for Cascading Variables 1, section 2; CSS Color 4, section 5.2, for #rrggbbaa. GIMP reads
    properties whose names have ``color`` in them.
    """
    rows = _variables(entries, "--")
    return ":root {\n" + "".join(f"  {row}\n" for row in rows) + "}\n"


def write_scss(entries: Entries) -> str:
    """Variables of Sass: ``$color-1: #rrggbb``. sass-lang.com, documentation, "Variables"."""
    return "".join(f"{row}\n" for row in _variables(entries, "$"))


def _variables(entries: Entries, sign: str) -> list[str]:
    rows, used = [], set()
    names = entries.names or [""] * len(entries.colors)
    for number, (code, name) in enumerate(zip(entries.hex, names, strict=True), start=1):
        word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or str(number)
        while word in used:
            word = f"{word}-{number}"
        used.add(word)
        comment = name.replace("*/", "* /")
        rows.append(f"{sign}color-{word}: {code};" + (f" /* {comment} */" if comment else ""))
    return rows


def read_css(text: str) -> Entries:
    """The colours of the variables of CSS or Sass that stand for one; a comment behind one is its name."""
    outside = COMMENT.sub("", text)
    if outside.count("{") != outside.count("}"):
        raise ValueError("its braces are not closed")
    parsed, names = [], []
    for match in VARIABLE.finditer(text):
        color = None if match["name"] is None else _css_color(match["value"].strip())
        if color is None:
            continue
        if match["end"] is None:
            raise ValueError(f"{match['name']} ends without a semicolon")
        parsed.append(color)
        name = match["comment"] or match["line"] or ("" if NUMBERED.fullmatch(match["name"]) else match["name"])
        names.append(name.strip())
    if not parsed:
        raise ValueError("it has no variable for a colour, such as --color-1 or $color-1")
    return checked_entries([levels for levels, _ in parsed], alpha=[alpha for _, alpha in parsed], names=names)


def _css_color(value: str) -> tuple[list[int], int] | None:
    """The levels and the alpha of a colour as digits, as a name, or as rgb(); None for a value that is no colour.

    Raises ValueError for a colour in another notation.
    """
    if value.startswith("#"):
        digits = value[1:]
        return parse_hex("".join(2 * digit for digit in digits) if len(digits) in (3, 4) else digits)
    named = named_color(value)
    if named is not None:
        return list(named), 255
    if OTHER_FUNCTIONS.match(value):
        raise ValueError(f"{value!r} is in a notation that is not read: write it as #rrggbb")
    match = FUNCTION.fullmatch(value)
    return None if match is None else _rgb(match[1])


def _rgb(arguments: str) -> tuple[list[int], int]:
    """The levels and the alpha of the arguments of rgb(): numbers or percentages, with commas or without."""
    numbers = [NUMBER.fullmatch(word) for word in re.split(r"[\s,/]+", arguments.strip())]
    if len(numbers) not in (3, 4) or None in numbers:
        raise ValueError(f"rgb({arguments}) is not a colour")
    values = [float(match[1]) / (100 if match[2] else 1) for match in numbers if match]
    levels = [value * (255 if match[2] else 1) for value, match in zip(values, numbers, strict=True) if match]
    opacity = values[3] if len(values) == 4 else 1.0
    return [round(min(level, 256.0)) for level in levels[:3]], round(255 * min(opacity, 1.0))


def write_soc(entries: Entries) -> str:
    """A colour table of StarOffice, OpenOffice and LibreOffice: an element for each colour, with its name.

    LibreOffice, extras/source/palettes/standard.soc; the attributes are those of OpenDocument 1.2, 19.130 and 19.197.
    """
    from xml.sax.saxutils import quoteattr

    rows = [
        f'  <draw:color draw:name={quoteattr(name)} draw:color="{code[:7]}"/>\n'
        for name, code in zip(entries.labels, entries.hex, strict=True)
    ]
    return SOC_OPENING + "".join(rows) + "</ooo:color-table>\n"


def read_soc(data: bytes) -> Entries:
    """The colours of a colour table of StarOffice, in any of its name spaces."""
    from xml.etree import ElementTree

    if b"<!" in re.sub(rb"<!--.*?-->", b"", data, flags=re.DOTALL):
        raise ValueError("it defines entities, which a colour table does not need")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(str(error)) from error
    colors, names = [], []
    for element in root.iter():
        if _local(element.tag) == "color":
            cells = {_local(key): value for key, value in element.attrib.items()}
            colors.append(parse_hex(cells.get("color", ""))[0])
            names.append(cells.get("name", ""))
    return checked_entries(colors, names=names).without_labels()


def _local(name: str) -> str:
    """A name of XML without its name space."""
    return name.rpartition("}")[2]


CODECS = {
    ".css": Codec.of_text(write_css, read_css),
    ".scss": Codec.of_text(write_scss, read_css),
    ".soc": Codec(lambda entries: write_soc(entries).encode("utf-8", "replace"), read_soc),
}
