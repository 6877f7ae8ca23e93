"""Representations learned from the rows in one pass or a few: scikit-learn's decompositions on data larger than memory."""

from __future__ import annotations

from esker.decomposition.incremental_pca import IncrementalPCA
from esker.decomposition.pca import PCA
from esker.decomposition.truncated_svd import TruncatedSVD

__all__ = ["PCA", "IncrementalPCA", "TruncatedSVD"]
