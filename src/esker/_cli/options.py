"""What may be said on the command line. Uses argparse alone; sizes and files are looked at when a command runs."""

from __future__ import annotations

import argparse

from esker._cli.features import add_features

__all__ = ["LABELS", "NUMBERS", "fraction", "parser"]

#: sgd's losses, of numbers and of labels.
NUMBERS = (
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
    "quantile",
    "poisson",
    "gamma",
    "tweedie",
)
LABELS = ("log_loss", "softmax", "hinge", "squared_hinge", "modified_huber", "perceptron")

FILES = "files, folders or globs, which are read as one; - for standard input"
FORMATS = "of the files, such as svmlight, vw, csv or parquet; else their first bytes and names tell"
EXAMPLES = """examples:
  esker info train.svm
  esker convert train.csv train.esk --target price
  esker fit train.esk --model ridge --alpha 1 --holdout 10% -o price.model
  esker fit train.esk --model ridge --alpha auto --test test.esk -o price.model
  esker fit train.svm --model sgd --max-time 30s --max-memory 256MB --test test.svm -o words.model
  esker fit 'clicks/*.parquet' --target click --categorical site,ad --cross site:hour --model sgd -o clicks.model
  zcat train.svm.gz | esker convert - train.esk --format svmlight
  esker predict words.model test.svm -o predictions.csv
"""


def parser() -> argparse.ArgumentParser:
    """The parser of ``esker``."""
    top = argparse.ArgumentParser(
        prog="esker",
        description="Linear models from data too large for memory, in the time and memory you grant.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, help="print the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    info = _command(commands, "info", "rows, columns, density, dtypes, label moments and size of a data file")
    info.add_argument("file", metavar="FILE", nargs="+", help=FILES)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    _add_reading(info)
    add_features(info)

    convert = _command(
        commands, "convert", "write a data file as a block file, which is read many times faster"
    )
    convert.add_argument("file", metavar="IN", nargs="+", help=FILES)
    convert.add_argument("out", metavar="OUT", help="the block file to write")
    convert.add_argument(
        "--store",
        choices=("float16", "float32", "float64"),
        help="numbers to write the features as; by default as they are read. float16 is read as float32",
    )
    _add_reading(convert)
    add_features(convert)

    fit = _command(commands, "fit", "learn a model from a data file and save it")
    fit.add_argument("file", metavar="FILE", nargs="+", help=FILES)
    fit.add_argument("-o", "--out", metavar="MODEL", required=True, help="where to save the model")
    _add_reading(fit)
    fit.add_argument(
        "--cache",
        metavar="auto|PATH",
        help="keep what is read as a block file, beside the source or at PATH, and read it in later epochs and fits",
    )
    add_features(fit)
    _add_learning(fit)

    predict = _command(commands, "predict", "predict every row of a data file with a saved model")
    predict.add_argument("model", metavar="MODEL")
    predict.add_argument("file", metavar="FILE", nargs="+", help=FILES)
    predict.add_argument(
        "-o", "--out", metavar="OUT", required=True, help="a CSV file; - for standard output"
    )
    predict.add_argument("--max-memory", metavar="SIZE", help="such as 256MB")
    predict.add_argument("--format", metavar="NAME", help=FORMATS)

    demo = _command(commands, "demo", "learn out of core from real data, and draw test error against time")
    demo.add_argument("-o", "--out", metavar="FOLDER", help="where the picture and its figures go")
    demo.add_argument("--only", choices=("words", "flights"), help="one data set instead of both")
    demo.add_argument("--delete-data", action="store_true", help="remove the cached data files and end")
    _command(commands, "config", "version, compiler, instruction set, threads and BLAS of this installation")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
    command.set_defaults(command=name, module={"fit": "fit", "predict": "predict"}.get(name, "data"))
    return command


def _add_reading(command: argparse.ArgumentParser) -> None:
    """How the file is read: handed to `esker.open_blocks`."""
    group = command.add_argument_group("reading")
    add = group.add_argument
    add(
        "--target",
        metavar="COLUMN",
        action="append",
        help="the label's column, by name or number; repeat for several",
    )
    add("--weight", metavar="COLUMN", help="the column of the rows' weights")
    add(
        "--columns",
        metavar="NAMES",
        help="feature columns to use, separated by commas; all others by default",
    )
    add("--format", metavar="NAME", help=FORMATS)
    add("--zero-based", choices=("auto", "yes", "no"), help="svmlight: is the first column 0? (default auto)")
    add("--n-features", metavar="N", type=int, help="svmlight: how many columns there are")
    add("--dtype", choices=("float32", "float64"), help="numbers to read the features as")
    add("--max-memory", metavar="SIZE", help="such as 256MB: no more memory than this is used")
    add("--block-size", metavar="SIZE", help="what is read at once, such as 64MB, where lines are very long")


def _add_learning(fit: argparse.ArgumentParser) -> None:
    group = fit.add_argument_group("learning")
    add = group.add_argument
    add("--model", choices=("ridge", "lasso", "elastic-net", "sgd"), required=True)
    add(
        "--task",
        choices=("auto", "regression", "classification"),
        help="ridge: default regression; sgd: default auto, by the first labels",
    )
    add("--loss", choices=(*NUMBERS, *LABELS), help="sgd: what is minimised")
    add(
        "--epsilon",
        metavar="E",
        type=float,
        help="sgd with --loss huber or an epsilon-insensitive one: where the loss turns, in units of the target",
    )
    add("--quantile", metavar="Q", type=float, help="sgd with --loss quantile: the share of targets below")
    add("--power", metavar="P", type=float, help="sgd with --loss tweedie: of the variance, 1 to 2")
    add(
        "--alpha",
        metavar="A|auto",
        type=_alpha,
        help="strength of the penalty; auto chooses it, by cross-validation, and of sgd by held-out rows (its default)",
    )
    add("--solver", choices=("auto", "cholesky", "svd", "sparse_cg"), help="ridge (default auto)")
    add("--tol", metavar="T", type=float, help="ridge that iterates, lasso, elastic-net: how exact")
    add("--positive", action="store_true", default=None, help="coefficients of at least 0 (not sgd)")
    add("--penalty", choices=("l2", "l1", "elasticnet", "none"), help="sgd (default l2)")
    add(
        "--l1-ratio",
        metavar="R",
        type=float,
        help="elastic-net, or sgd with --penalty elasticnet: 1 is all l1",
    )
    add(
        "--learning-rate",
        choices=(
            "auto",
            "constant",
            "optimal",
            "invscaling",
            "adaptive",
            "adagrad",
            "normalized",
            "ftrl",
            "coin",
        ),
        help="sgd (default auto, which needs no scaled features and no tuning)",
    )
    add("--eta0", metavar="E", type=float, help="sgd: the rate, where --learning-rate has one")
    add("--power-t", metavar="P", type=float, help="sgd with --learning-rate invscaling: how fast it falls")
    add("--epochs", metavar="N", type=int, help="sgd: walks over the data at most")
    add("--max-time", metavar="TIME", help="sgd: stop after this long, such as 30s, 5min or 1h")
    add("--seed", metavar="N", type=int, help="of every random choice (default 0)")
    add("--threads", metavar="N", type=int, help="threads at most")
    add("--checkpoint", metavar="PATH", help="save the state now and then; the same command goes on from it")
    group = fit.add_argument_group("testing")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--test", metavar="FILE", help="test on this file after the fit")
    either.add_argument(
        "--holdout", metavar="SHARE", help="keep this share of the rows for testing, such as 10%%"
    )


def _alpha(text: str) -> float | str:
    return text if text == "auto" else float(text)


class _Version(argparse.Action):
    """Reads the version only when asked."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"esker {version('esker')}")
        parser.exit()


def fraction(text: str) -> float:
    """A share of the rows.

    >>> fraction("10%"), fraction("0.25")
    (0.1, 0.25)
    """
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise ValueError(f"expected a share of the rows between 0 and 1 such as 10% or 0.1, got {text!r}")
    return value
