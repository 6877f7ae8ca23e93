"""What esker says of itself, each as a command: `python -m benchmarks.bars NAME` measures it and says whether it holds."""

from __future__ import annotations

#: Name of a bar -> its module, which has `run(scale) -> bool`.
BARS = {
    "elastic-net-cv": "benchmarks.bars.elastic_net_cv",
    "ridge-accuracy": "benchmarks.bars.ridge_accuracy",
    "ridge-gram": "benchmarks.bars.ridge_gram",
    "gram-share": "benchmarks.bars.gram_share",
    "ridge-file": "benchmarks.bars.ridge_file",
    "ridge-cv": "benchmarks.bars.ridge_cv",
    "sparse-ridge": "benchmarks.bars.sparse_ridge",
    "wide-sparse-file": "benchmarks.bars.wide_sparse_file",
    "float32-accuracy": "benchmarks.bars.float32_accuracy",
    "out-of-core": "benchmarks.bars.out_of_core",
    "sgd-speed": "benchmarks.bars.sgd_speed",
    "lanes": "benchmarks.bars.lanes",
    "svmlight-speed": "benchmarks.bars.svmlight_speed",
    "text-pass": "benchmarks.bars.text_pass",
    "block-file-pass": "benchmarks.bars.block_file_pass",
    "block-file-speed": "benchmarks.bars.block_file_speed",
    "hashing-speed": "benchmarks.bars.hashing_speed",
    "table-hasher": "benchmarks.bars.table_hasher",
    "out-of-core-epoch": "benchmarks.bars.out_of_core_epoch",
    "memory-promise": "benchmarks.bars.memory_promise",
    "imports": "benchmarks.bars.imports",
    "killed": "benchmarks.bars.killed",
    "buffer-order": "benchmarks.bars.buffer_order",
    "ridge-wide": "benchmarks.bars.ridge_wide",
    "logistic": "benchmarks.bars.logistic",
    "linear-svm": "benchmarks.bars.linear_svm",
    "kernel-ridge": "benchmarks.bars.kernel_ridge",
    "raw-tables": "benchmarks.bars.raw_tables",
    "rescaled": "benchmarks.bars.rescaled",
    "row-sketches": "benchmarks.bars.row_sketches",
    "time-to-error": "benchmarks.bars.time_to_error",
    "vw-speed": "benchmarks.bars.vw_speed",
    "sgd-memory": "benchmarks.bars.sgd_memory",
    "one-vs-rest": "benchmarks.bars.one_vs_rest",
    "overrun": "benchmarks.bars.overrun",
    "fastfood": "benchmarks.bars.fastfood",
    "rbf-sampler": "benchmarks.bars.rbf_sampler",
    "hadamard": "benchmarks.bars.hadamard",
    "projections": "benchmarks.bars.projections",
    "sketch-solve": "benchmarks.bars.sketch_solve",
    "sketch-beside-gram": "benchmarks.bars.sketch_beside_gram",
    "pca-file": "benchmarks.bars.pca_file",
    "truncated-svd": "benchmarks.bars.truncated_svd",
}


def line(holds: bool, text: str) -> bool:
    """Print one finding, marked as holding or not; returns `holds`."""
    print(f"  {'ok  ' if holds else 'MISS'}  {text}", flush=True)
    return holds
