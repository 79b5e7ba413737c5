"""Numbers of data_plane.py as a picture: an SVG of bars, by hand.

No fonts or files from elsewhere; colours follow what the reader's system
prefers, on a ground of the picture's own.
"""

from html import escape
from math import log10

WIDTH, MARGIN, GUTTER = 960, 24, 40
BAR, BAR_GAP, GROUP_GAP = 13, 3, 14
LABEL, VALUE = 92, 54  # room beside the bars: names left, numbers right
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.unit, .note { fill: #59636e; font-size: 11px; }
.number { font-size: 11px; font-variant-numeric: tabular-nums; }
.ground { fill: #ffffff; stroke: #d1d9e0; }
.axis { stroke: #8c959f; }
.p0 { fill: #0969da; } .p1 { fill: #8ec5ff; } .p2 { fill: #bc4c00; } .p3 { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .unit, .note { fill: #9198a1; }
  .ground { fill: #0d1117; stroke: #3d444d; }
  .axis { stroke: #656c76; }
  .p0 { fill: #4493f8; } .p1 { fill: #1f5aa6; } .p2 { fill: #e0823d; } .p3 { fill: #656c76; }
}
"""

# title, unit, is logarithmic, {column: how it is called}; two columns of panels
PANELS = [
    [
        ("Throughput, TCP", "Gbit/s; more is better", False,
         {"1 flow": "1 flow", "1 flow, back": "1 flow, back", "8 flows": "8 flows",
          "8 flows, back": "8 flows, back"}),
        ("Processor time", "seconds a gigabyte, both ends, logarithmic; less is better", True,
         {"processor": "TCP flows"}),
    ],
    [
        ("Round trip", "milliseconds, logarithmic; less is better", True,
         {"ping p50": "idle, median", "ping p99": "idle, p99", "loaded p50": "beside a flow,|median",
          "loaded p99": "beside a flow,|p99"}),
        ("Processor time, 64-byte UDP", "µs a packet, both ends, logarithmic; less is better", True,
         {"small, processor": "as many as|possible"}),
    ],
]


def _text(x, y, text, kind="", anchor="start"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(text)}</text>")


def _number(value):
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f}"


class Scale:
    """Lengths of bars, `room` for the largest."""

    def __init__(self, values, room, is_log):
        self.most, self.room = max(values), room
        self.least = min(values) / 3 if is_log else None

    def __call__(self, value):
        if self.least is None:
            return self.room * value / self.most
        return self.room * log10(value / self.least) / log10(self.most / self.least)


def _group(x, y, label, values, scale):
    """One column of the table: a bar for each program that has a value."""
    out = []
    height = len(values) * (BAR + BAR_GAP) - BAR_GAP
    lines = label.split("|")
    for i, line in enumerate(lines):
        middle = y + height / 2 + 4 + 14 * (i - (len(lines) - 1) / 2)
        out.append(_text(x + LABEL - 8, middle, line, "", "end"))
    for i, (program, value) in enumerate(values):
        top = y + i * (BAR + BAR_GAP)
        length = max(scale(value), 1)
        out.append(f'<rect x="{x + LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" '
                   f'class="p{program}"/>')
        out.append(_text(x + LABEL + length + 5, top + BAR - 3, _number(value), "number"))
    out.append(f'<line x1="{x + LABEL}" x2="{x + LABEL}" y1="{y - 4}" y2="{y + height + 4}" '
               'class="axis"/>')
    return out, height


def _panel(x, y, width, panel, table):
    """Its elements, and where what stands below may begin."""
    title, unit, is_log, columns = panel
    groups = [(label, [(i, row[column]) for i, row in enumerate(table.values())
                       if row.get(column)]) for column, label in columns.items()]
    groups = [(label, values) for label, values in groups if values]
    if not groups:
        return [], y
    scale = Scale([value for _, values in groups for _, value in values],
                  width - LABEL - VALUE, is_log)
    out = [_text(x, y + 14, title, "title"), _text(x, y + 31, unit, "unit")]
    y += 46
    for label, values in groups:
        elements, height = _group(x, y, label, values, scale)
        out += elements
        y += height + GROUP_GAP
    return out, y + 12


def _legend(names, y):
    out, x = [], MARGIN
    for i, name in enumerate(names):
        out.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" class="p{i}"/>')
        out.append(_text(x + 18, y, name))
        x += 18 + 7 * len(name) + 28
    return out


def draw(table, facts):
    """The SVG.  table: {program: {column: value}}, four programs at most."""
    body = [_text(MARGIN, 36, "adit's data plane beside wireguard-go", "title"),
            *_legend(table, 62)]
    width = (WIDTH - 2 * MARGIN - GUTTER) / 2
    bottom = 0
    for i, panels in enumerate(PANELS):
        y = 88
        for panel in panels:
            elements, y = _panel(MARGIN + i * (width + GUTTER), y, width, panel, table)
            body += elements
        bottom = max(bottom, y)
    note = (f"medians of one run, rounds in turns: {facts['rounds']}; both ends of the tunnel and the programs "
            f"that load it share {facts['processors']} processors")
    body.append(_text(MARGIN, bottom + 6, note, "note"))
    height = bottom + 26
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
        "<title>Throughput, round trip and processor time of adit and wireguard-go</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6" '
        'class="ground"/>', *body, "</svg>", ""])
