"""The report as one HTML page that needs nothing else: figures, curve, histogram and the worst cases."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.charts import Series, click_counts, curve, histogram
from squeezesam_core.evaluation.report import Report, text
from squeezesam_core.evaluation.worst import Picture

PAGE = "index.html"
STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #e2e4e8; --paper: #fff; --card: #f7f8fa;
  --s0: #2f6fde; --s1: #d9730d; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a3a8b0; --line: #34383f; --paper: #16181b;
  --card: #1e2125; --s0: #74a4ff; --s1: #ffa057; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 32px 24px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 18px; margin: 40px 0 12px; }
p { margin: 4px 0; color: var(--soft); max-width: 75ch; }
code { font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 540px)); gap: 24px; }
.charts figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; }
svg { width: 100%; height: auto; display: block; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft);
  text-anchor: middle; } svg .end { text-anchor: end; } svg .start { text-anchor: start; }
svg .value { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; } .band { opacity: .15; }
.s0 { fill: var(--s0); stroke: var(--s0); } .s1 { fill: var(--s1); stroke: var(--s1); }
.line.s0, .line.s1 { fill: none; } .band, .bar { stroke: none !important; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 20px 4px 0; border-bottom: 1px solid var(--line); text-align: right; font-weight: 400; }
th:first-child { text-align: left; color: var(--soft); } thead th { font-weight: 600; }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 16px; }
.sheet figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden; }
.sheet img { width: 100%; height: 210px; object-fit: contain; display: block; }
.sheet figcaption { padding: 6px 10px; display: flex; gap: 10px; } .sheet b { color: var(--ink); }
.sheet span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
"""
LEGEND = """<p>The mask is blue, the true outline green, what counts neither way is outlined in yellow; green discs are
clicks on the object, red ones on the background, numbered in their order. Of a small object only the surroundings
are shown. The IoU is the last mask's.</p>"""


def write_page(folder: Path, data: str, reports: Sequence[Report], worst: Sequence[Picture]) -> Path:
    """Write folder/index.html, the folder being made if it is missing.

    data: what the set is called; reports: of one protocol, ours first; worst: of the first report. Raises
    SqueezeSAMError if it cannot be written.
    """
    path = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(page(data, reports, worst), encoding="utf-8")
    except OSError as error:
        raise SqueezeSAMError(f"{path} cannot be written ({error.strerror}).", "Name another folder.") from error
    return path


def page(data: str, reports: Sequence[Report], worst: Sequence[Picture]) -> str:
    """The HTML of a report."""
    protocol = reports[0].protocol
    series = [Series(report.model, report.outcomes) for report in reports]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(data)}: {protocol.name}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(data)}: {protocol.name}</h1>",
            f"<p>{escape(protocol.about[:1].upper() + protocol.about[1:])}.</p>",
            f"<h2>Figures</h2>{_table(reports)}",
            f'<h2>Charts</h2><div class="charts">{_charts(series)}</div>',
            f"<h2>The {len(worst)} worst</h2>{LEGEND}" if worst else "",
            f'<div class="sheet">{"".join(_tile(picture) for picture in worst)}</div>',
            "</body></html>\n",
        ]
    )


def _table(reports: Sequence[Report]) -> str:
    summaries = [report.summary() for report in reports]
    keys = [f'<i class="key s{place}" style="background: var(--s{place})"></i>' for place in range(len(summaries))]
    names = "".join(f"<th>{key}{escape(str(s['model']))}</th>" for key, s in zip(keys, summaries, strict=True))
    rows = []
    for name in summaries[0]:
        if name not in ("model", "protocol"):
            cells = "".join(f"<td>{escape(text(name, summary[name]))}</td>" for summary in summaries)
            rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return f"<table><thead><tr><th></th>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _charts(series: Sequence[Series]) -> str:
    shown = []
    if len(click_counts(series)) > 1:
        caption = "Mean IoU after each click; the band holds the middle half of the objects."
        shown.append(f"<figure>{curve(series)}<figcaption>{caption}</figcaption></figure>")
    shown.append(f"<figure>{histogram(series)}<figcaption>Objects by the IoU of their last mask.</figcaption></figure>")
    return "".join(shown)


def _tile(picture: Picture) -> str:
    outcome = picture.outcome
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    source = f"data:image/jpeg;base64,{b64encode(encoded.tobytes()).decode('ascii')}"
    name = f"{escape(outcome.photo)} {outcome.number}"
    clicks = ", ".join(f"{count}: {100 * iou:.0f}" for count, iou in sorted(outcome.ious.items())[:6])
    return (
        f'<figure><img src="{source}" alt="{name}" loading="lazy"><figcaption><b>{100 * outcome.last:.0f} %</b>'
        f'<span title="{name}; IoU by clicks {clicks}">{name}</span></figcaption></figure>'
    )
