"""What consent does in the background."""

from consent import withdrawal
from ipe import jobs, vault


@jobs.task(withdrawal.FINISH)
def finish_withdrawal(job: jobs.Running) -> None:
    job.progress(0, 2, "Removing what is left of the files")
    vault.carry_out_destructions()
    vault.rewrite_databases()
    with job.completes():
        job.result = {"files": withdrawal.finish(job.subject_id)}
