"""The commands of ``esker``, one a module; each has ``run(args) -> int``."""
