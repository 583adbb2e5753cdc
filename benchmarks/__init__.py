"""The speeds that we promise, measured. `docs/performance.md` says what each benchmark promises."""

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
