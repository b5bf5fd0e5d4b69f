"""GET /status for a browser: the model in service, the figures a labeling lead asks for, problems and jobs."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

import numpy as np

from backend.pages.plots import Bar, Series, histogram, line_plot
from backend.status import (
    QUEUE_OFF,
    QUEUE_ON,
    UNTOUCHED_IOU,
    JobRecord,
    JobsOverview,
    Problem,
    Status,
    corrected_share,
    mean,
    network,
)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Nothing but the page's own style: what a task or a label is called can never become a script."""

IOU_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, UNTOUCHED_IOU, 1.0)
MOST_CLICKS = 6
"""From here on, one bar."""

NO_CLICK = "No click or box in the last hour. Each one that an annotator makes with a smart tool appears here."
NO_IOU = (
    "No annotation was compared yet. When an annotator submits a predicted mask, it is compared with the prediction; "
    "this needs LABEL_STUDIO_API_KEY and the project's webhook (<code>squeezesam connect --project N</code>)."
)
NO_MASK = (
    "No mask of the model was submitted yet. This needs the project's webhook "
    "(<code>squeezesam connect --project N</code>)."
)
NO_PROBLEM = "None since the start."
NO_QUEUE = (
    "No queue is configured, so nothing is pre-annotated in the background and no model learns from corrections. "
    "Clicks and predictions do not need one."
)
NO_JOB = "The queue is there and has no job yet."

JOB_TONES = {"finished": "good", "failed": "bad", "running": "warn"}
JOB_NAMES = {"preannotate": "pre-annotation", "finetune": "fine-tuning"}


def render(status: Status) -> str:
    """The page."""
    slow = "failed" in {check["self_check"] for check in _networks(status).values()}
    state = "serves, slower than it could" if slow else "serves"
    if status.refusal is not None:
        state = "serves, but not the version published last"
    template = Template(files("backend.pages").joinpath("status.html").read_text(encoding="utf-8"))
    reached = status.label_studio or "LABEL_STUDIO_URL is not set"
    return template.substitute(
        state=state,
        tone="good" if state == "serves" else "warn",
        uptime=_duration(status.uptime),
        label_studio=f"Label Studio: {escape(reached)}",
        tiles=_tiles(status),
        latency=_latency(status),
        ious=_ious(list(status.history.ious)),
        clicks=_clicks(list(status.history.clicks_per_mask)),
        problems=_problems(status.problems),
        jobs=_jobs(status.overview),
        model=_model(status),
    )


def _tiles(status: Status) -> str:
    ious, clicks = list(status.history.ious), list(status.history.clicks_per_mask)
    answered = sum(minute.count for minute in status.history.click_latencies())
    share, overlap, effort = corrected_share(ious), mean(ious), mean(clicks)
    tiles = (
        ("Click, median", _figure(status.history.median_click(), "{:.0f} ms"), f"{answered} in the last hour"),
        ("Masks corrected", _figure(share, "{:.0%}"), f"of {len(ious)} compared"),
        ("IoU of submitted masks", _figure(overlap, "{:.3f}"), "against the predicted ones"),
        ("Clicks for each mask", _figure(effort, "{:.1f}"), f"over {len(clicks)} masks"),
    )
    return "".join(
        f'<div class="card"><p class="soft small">{name}</p><p class="figure">{value}</p>'
        f'<p class="soft small">{note}</p></div>'
        for name, value, note in tiles
    )


def _latency(status: Status) -> str:
    minutes = status.history.click_latencies()
    if not minutes:
        return f'<p class="empty">{NO_CLICK}</p>'
    lines = [
        Series("median", "first", [(minute.minutes_ago, minute.p50) for minute in minutes]),
        Series("p95", "second", [(minute.minutes_ago, minute.p95) for minute in minutes]),
    ]
    key = (
        '<p class="key"><span><i class="first"></i>median</span><span><i class="second"></i>95th percentile</span>'
        "<span>milliseconds in this process, by minute</span></p>"
    )
    return key + line_plot(lines, "ms")


def _ious(ious: Sequence[float]) -> str:
    if not ious:
        return f'<p class="empty">{NO_IOU}</p>'
    counts, _ = np.histogram(ious, IOU_EDGES)
    bars = []
    for low, high, count in zip(IOU_EDGES[:-1], IOU_EDGES[1:], counts, strict=True):
        label = f"< {high:g}" if low == 0 else f"≥ {low:g}" if high == 1 else f"{low:g}"
        bars.append(Bar(label, int(count), f"IoU {low:g} to {high:g}: {count} of {len(ious)} masks"))
    note = f"IoU, each bar from its figure on; from {UNTOUCHED_IOU:g} the mask counts as untouched"
    return f'<p class="soft small">{note}</p>' + histogram(bars, "Masks by IoU of submitted against predicted")


def _clicks(clicks: Sequence[float]) -> str:
    if not clicks:
        return f'<p class="empty">{NO_MASK}</p>'
    rounded = [min(round(value), MOST_CLICKS) for value in clicks]
    bars = []
    for count in range(MOST_CLICKS + 1):
        label = f"{count} or more" if count == MOST_CLICKS else str(count)
        bars.append(Bar(label, rounded.count(count), f"{label}: {rounded.count(count)} of {len(clicks)} masks"))
    note = '<p class="soft small">0: the mask was accepted as predicted</p>'
    return note + histogram(bars, "Masks by clicks and boxes")


def _problems(problems: Sequence[Problem]) -> str:
    if not problems:
        return f'<p class="empty">{NO_PROBLEM}</p>'
    rows = "".join(
        f'<tr><td class="soft">{_time(problem.at)}<br><code title="Request id, as in the log">{escape(problem.request)}'
        f"</code></td><td>{escape(problem.doing)}</td><td>{_text(problem.cause)}</td><td>{_text(problem.remedy)}</td></tr>"
        for problem in problems
    )
    return (
        '<table><colgroup><col style="width:16%"><col style="width:18%"><col style="width:33%"><col></colgroup>'
        f"<tr><th>When</th><th>Doing</th><th>Cause</th><th>Remedy</th></tr>{rows}</table>"
    )


def _jobs(overview: JobsOverview) -> str:
    if overview.queue.startswith(QUEUE_OFF):
        return f'<p class="empty">{NO_QUEUE}</p>'
    problem = "" if overview.queue == QUEUE_ON else f'<p class="empty">{escape(overview.queue)}</p>'
    if not overview.jobs:
        return problem or f'<p class="empty">{NO_JOB}</p>'
    return (
        f'{problem}<table><colgroup><col style="width:16%"><col style="width:10%"><col style="width:18%">'
        '<col style="width:16%"><col></colgroup>'
        "<tr><th>Asked for</th><th>Project</th><th>Job</th><th>State</th><th>Result</th></tr>"
        f"{''.join(map(_job, overview.jobs))}</table>"
    )


def _job(job: JobRecord) -> str:
    state = f"{job.state}, {job.progress:.0%}" if job.state == "running" else job.state
    return (
        f'<tr><td class="soft">{_time(job.queued)}</td><td>{job.project}</td>'
        f"<td>{escape(JOB_NAMES.get(job.kind, job.kind))}</td>"
        f'<td class="state {JOB_TONES.get(job.state, "soft")}">{escape(state)}</td><td>{_text(job.message)}</td></tr>'
    )


def _model(status: Status) -> str:
    rows = []
    versions = [*status.service.model_version.split("+"), "", ""]
    for (name, check), version in zip(_networks(status).items(), versions, strict=False):
        tone = {"passed": "good", "failed": "bad"}.get(check["self_check"], "soft")
        rows.append(
            f"<tr><td>{name}</td><td><code>{escape(version)}</code></td><td>{escape(check['precision'])}</td>"
            f'<td class="state {tone}">{check["self_check"]}</td></tr>'
        )
    note = (
        '<p class="soft small">The self-check compares int8 with a stored answer of fp32 on this CPU; '
        "where it fails, fp32 serves at about twice the time.</p>"
    )
    if status.refusal is not None:
        version, at = escape(status.refusal.version) or "Another version", _time(status.refusal.at)
        reason = f"{_text(status.refusal.cause)} {_text(status.refusal.remedy)}"
        note += f'<p class="state warn">Since {at}, {version} is to serve and does not: {reason}</p>'
    head = "<tr><th>Network</th><th>Version</th><th>Precision</th><th>Self-check</th></tr>"
    return f"{note}<table>{head}{''.join(rows)}</table>"


def _networks(status: Status) -> dict[str, dict[str, str]]:
    service = status.service
    return {"Segmenter": network(service.segmenter_precision), "Saliency": network(service.detector_precision)}


def _text(text: str) -> str:
    """The first line, and the others, such as a labeling configuration, folded away."""
    first, _, rest = text.partition("\n")
    if not rest:
        return escape(first)
    return f"{escape(first)}<details><summary>Show it</summary><pre>{escape(rest)}</pre></details>"


def _time(at: str) -> str:
    return escape(at.replace("T", " ").removesuffix("+00:00"))


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
