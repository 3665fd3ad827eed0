"""HTML snippets with which a notebook shows an image or a comparison."""

from __future__ import annotations

import base64
import math
from html import escape

from colorquant.color.counted import CountedImage
from colorquant.images.downsampling import encode_preview
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage, Quantized
from colorquant.report.tables import Table

SIDE = 480  # pixels across and down of each picture
SWATCHES = 64  # colours shown
STYLE = "font:13px/1.4 system-ui,sans-serif;display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start"


def image_html(image: IndexedImage, original: CountedImage | None = None) -> str:
    """The image, beside its original where that is known, with its palette and its numbers."""
    pictures = [] if original is None else [_figure("before", encode_preview(original.rgb, original.alpha, SIDE))]
    pictures.append(_figure("after", encode_preview(image.rgb, image.alpha, SIDE)))
    facts = " · ".join(_facts(image))
    return f'<div style="{STYLE}">{"".join(pictures)}<div>{palette_html(image.palette)}<div>{facts}</div></div></div>'


def palette_html(palette: Palette) -> str:
    """Swatches of the palette; their tooltips give the colour and its share of the pixels."""
    shares = palette.shares
    swatches = []
    for place, color in enumerate(palette.hex[:SWATCHES]):
        share = "" if shares is None else f" {100 * shares[place]:.1f} %"
        name = "" if palette.names is None else f" {escape(palette.names[place], quote=True)}"
        swatches.append(
            f'<span title="{place}: {color}{share}{name}" style="display:inline-block;width:20px;height:20px;'
            f'background:{_background(color)};border:1px solid #8888"></span>'
        )
    more = f" and {len(palette) - SWATCHES:,} more" if len(palette) > SWATCHES else ""
    return f'<div style="max-width:{22 * 16}px">{"".join(swatches)}{more}</div>'


def _background(color: str) -> str:
    """The CSS background of a swatch: the colour, over a checkerboard where it is not opaque."""
    if len(color) == len("#rrggbb"):
        return color
    return f"linear-gradient({color},{color}),repeating-conic-gradient(#ccc 0 25%,#fff 0 50%) 0 0/8px 8px"


def table_html(table: Table) -> str:
    """A table, its best cells in bold."""
    heads = "".join(f"<th>{escape(header)}</th>" for header in table.headers)
    lines = []
    for row, cells in enumerate(table.rows):
        shown = [
            f"<td><b>{escape(cell)}</b></td>" if (row, place) in table.best else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(cells)
        ]
        lines.append(f"<tr>{''.join(shown)}</tr>")
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _figure(caption: str, data: bytes) -> str:
    kind = "jpeg" if data.startswith(b"\xff\xd8") else "png"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure style="margin:0"><img alt="{caption}" src="{source}" style="max-width:{SIDE}px;image-rendering:auto">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _facts(image: IndexedImage) -> list[str]:
    facts = [f"{image.colors_in:,} → {image.colors_out:,} colours"]
    facts.append(f"PSNR {image.psnr:.2f} dB" if math.isfinite(image.psnr) else "no loss")
    facts.append(f"MSE {image.mse:,.2f}")
    if isinstance(image, Quantized) and image.log_likelihood is not None:
        facts.append(f"log-likelihood {image.log_likelihood:.4f} per pixel")
    return facts
