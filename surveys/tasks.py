"""Work that outlasts a request."""

from __future__ import annotations

from ipe import jobs
from ipe.errors import NotFound

from . import storing
from .intake import require_intake
from .models import Intake


@jobs.task("surveys.ingest")
def ingest(job: jobs.Running) -> None:
    """Store a confirmed intake, with everything it writes in the job's own transaction."""
    intake = Intake.objects.listed().filter(pk=job.subject_id).select_related("sheet_file").first()
    if intake is None:
        raise NotFound("The intake was dropped before it was stored.")
    require_intake(job.by, intake.wave)  # who asked may have lost the role since
    job.progress(0, intake.n_rows, "Reading the answers")
    prepared = storing.prepare(intake)
    job.progress(intake.n_rows, intake.n_rows, "Storing the answers")
    with job.completes():
        counts = storing.store(intake, prepared, by=job.by, replace=bool(job.arguments.get("replace")))
        job.result = counts
