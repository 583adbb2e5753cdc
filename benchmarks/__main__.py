"""Run every benchmark, each in a process of its own, and print one line of JSON each. `python -m benchmarks`."""

import subprocess
import sys

BENCHMARKS = (
    "matrix_xlsx",
    "apply_code",
    "coding_page",
    "impact_glmm",
    "impact_collapse",
    "impact_did",
    "impact_cem",
    "impact_import",
)


def main() -> int:
    failed = 0
    for name in BENCHMARKS:
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
