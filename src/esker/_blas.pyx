# cython: language_level=3, freethreading_compatible=True
"""scipy's own BLAS and LAPACK as capsules: which routines, and how wide their integers are. This file's one job."""

from cpython.pycapsule cimport PyCapsule_GetName


def integer_bits(capsule) -> int:
    """The width of a routine's integers, read from the C signature that is the capsule's name."""
    cdef const char* raw = PyCapsule_GetName(capsule)
    signature = raw.decode()
    arguments = [a.strip() for a in signature[signature.index("(") + 1 : signature.rindex(")")].split(",")]
    pointers = {a.replace(" ", "") for a in arguments}
    if "int*" in pointers:
        return 32
    if any(p in pointers for p in ("int64_t*", "long*", "longlong*", "npy_int64*")) or any("blas_int" in p for p in pointers):
        return 64
    raise ImportError(f"scipy's BLAS has a signature that esker does not know: {signature!r}")


def capsules(names):
    """The capsules of the named routines, in order, and the width of their integers.

    Raises ImportError when scipy lacks a routine or mixes widths.
    """
    from scipy.linalg import cython_blas, cython_lapack
    found = []
    for name in names:
        for module in (cython_blas, cython_lapack):
            if name in module.__pyx_capi__:
                found.append(module.__pyx_capi__[name])
                break
        else:
            raise ImportError(f"scipy.linalg offers no {name}; esker needs scipy >= 1.13")
    widths = {integer_bits(capsule) for capsule in found}
    if len(widths) != 1:
        raise ImportError(f"scipy's BLAS mixes integer widths: {sorted(widths)}")
    return found, widths.pop()
