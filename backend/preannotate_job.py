"""The job that pre-annotates a project; RQ calls `run` by its dotted name, in a process of its own."""

from backend.app import build_annotator
from backend.jobs import redis_jobs
from backend.label_studio import require
from backend.outbox import PRE_ANNOTATION
from backend.preannotate import Summary, pre_annotate
from backend.settings import load_settings

SHOWN_FAILURES = 3


def run(project: int) -> None:
    """Bring a project up to date. Raises SqueezeSAMError; RQ then tries again."""
    settings = load_settings()
    with redis_jobs(settings).running(PRE_ANNOTATION, project) as job:
        annotator, label_studio = build_annotator(settings)

        def report(summary: Summary) -> bool:
            job.note(progress=summary.seen / max(1, summary.tasks), message=describe(summary))
            return not job.stopped

        pre_annotate(project, require(label_studio), annotator, workers=settings.concurrency, report=report)
        job.unfinished = job.stopped


def describe(summary: Summary) -> str:
    """What a run did, with the causes of the first failures."""
    text = f"{summary.written} of {summary.tasks} tasks brought up to date."
    if summary.failed:
        causes = "; ".join(f"task {failure.task}: {failure.cause}" for failure in summary.failures[:SHOWN_FAILURES])
        text += f" {summary.failed} skipped: {causes}"
    return text
