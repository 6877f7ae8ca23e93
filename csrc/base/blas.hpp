// The BLAS and LAPACK routines that solves borrow from scipy, behind plain C++ calls: column-major,
// lower-case options. _blas.pyx finds scipy's pointers and their integer width; nothing is linked. Never call
// these in a parallel region.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace esker {

// The routines that are borrowed, by name; the order is that of the table.
enum class Routine {
    sgemm,
    dgemm,
    dgemv,
    dsymm,
    dsyrk,
    dtrmm,
    dtrsm,
    dtrsv,
    dpotrf,
    dpotrs,
    dpocon,
    dsyevd,
    count
};
const std::vector<std::string>& routine_names();

// pointers: one for each routine; bits: the width of the routines' integers, 32 or 64.
void install_blas(const std::vector<void*>& pointers, int bits);
bool blas_installed() noexcept;
int blas_bits() noexcept;

namespace blas {
using Int = std::int64_t;
void gemm(char ta, char tb, Int m, Int n, Int k, double alpha, const double* a, Int lda, const double* b,
          Int ldb, double beta, double* c, Int ldc);
void gemm(char ta, char tb, Int m, Int n, Int k, float alpha, const float* a, Int lda, const float* b,
          Int ldb, float beta, float* c, Int ldc);
void gemv(char trans, Int m, Int n, double alpha, const double* a, Int lda, const double* x, Int incx,
          double beta, double* y, Int incy);
void symm(char side, char uplo, Int m, Int n, double alpha, const double* a, Int lda, const double* b,
          Int ldb, double beta, double* c, Int ldc);
void syrk(char uplo, char trans, Int n, Int k, double alpha, const double* a, Int lda, double beta, double* c,
          Int ldc);
void trmm(char side, char uplo, char trans, char diag, Int m, Int n, double alpha, const double* a, Int lda,
          double* b, Int ldb);
void trsm(char side, char uplo, char trans, char diag, Int m, Int n, double alpha, const double* a, Int lda,
          double* b, Int ldb);
void trsv(char uplo, char trans, char diag, Int n, const double* a, Int lda, double* x, Int incx);
Int potrf(char uplo, Int n, double* a, Int lda);  // info
Int potrs(char uplo, Int n, Int nrhs, const double* a, Int lda, double* b, Int ldb);
double pocon(char uplo, Int n, const double* a, Int lda, double anorm);  // reciprocal condition, 1-norm
Int syevd(char uplo, Int n, double* a, Int lda, double* w);              // info; a becomes the eigenvectors
}  // namespace blas

}  // namespace esker
