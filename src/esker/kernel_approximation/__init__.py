"""Features whose products are about a kernel's values, so that a linear model of them is a kernel machine: scikit-learn's names."""

from __future__ import annotations

from esker.kernel_approximation._additive_chi2 import AdditiveChi2Sampler
from esker.kernel_approximation._fastfood import Fastfood
from esker.kernel_approximation._fourier import RBFSampler, SkewedChi2Sampler
from esker.kernel_approximation._nystroem import Nystroem
from esker.kernel_approximation._orthogonal import OrthogonalRandomFeatures
from esker.kernel_approximation._tensor_sketch import PolynomialCountSketch

__all__ = [
    "AdditiveChi2Sampler",
    "Fastfood",
    "Nystroem",
    "OrthogonalRandomFeatures",
    "PolynomialCountSketch",
    "RBFSampler",
    "SkewedChi2Sampler",
]
