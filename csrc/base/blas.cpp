// Calls through the borrowed table in whichever integer width scipy was built with.
#include "base/blas.hpp"

#include <array>
#include <limits>

#include "base/error.hpp"

namespace esker {
namespace {

std::array<void*, static_cast<std::size_t>(Routine::count)> table{};
int width = 0;

template <class I>
I narrow(std::int64_t n) {
    require(n <= std::numeric_limits<I>::max(), "a matrix dimension of " + std::to_string(n) +
                                                    " exceeds the 32-bit integers of this scipy's BLAS");
    return static_cast<I>(n);
}

template <class F>
F* routine(Routine name) {
    void* p = table[static_cast<std::size_t>(name)];
    if (!p) throw std::logic_error("BLAS is not installed: import esker installs scipy's before any solve");
    return reinterpret_cast<F*>(p);
}

// f is a generic callable that takes an integer of the right width as a tag.
template <class F>
auto with_width(F&& f) {
    return width == 64 ? f(std::int64_t{}) : f(std::int32_t{});
}

// b times a triangle, or its inverse.
void triangular(Routine name, char side, char uplo, char trans, char diag, blas::Int m, blas::Int n,
                double alpha, const double* a, blas::Int lda, double* b, blas::Int ldb) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F = void(char*, char*, char*, char*, I*, I*, double*, const double*, I*, double*, I*);
        I m_ = narrow<I>(m), n_ = narrow<I>(n), lda_ = narrow<I>(lda), ldb_ = narrow<I>(ldb);
        routine<F>(name)(&side, &uplo, &trans, &diag, &m_, &n_, &alpha, a, &lda_, b, &ldb_);
    });
}

}  // namespace

const std::vector<std::string>& routine_names() {
    static const std::vector<std::string> names{"sgemm", "dgemm", "dgemv",  "dsymm",  "dsyrk",  "dtrmm",
                                                "dtrsm", "dtrsv", "dpotrf", "dpotrs", "dpocon", "dsyevd"};
    return names;
}

void install_blas(const std::vector<void*>& pointers, int bits) {
    require(pointers.size() == table.size(), "install_blas expected " + std::to_string(table.size()) +
                                                 " pointers, got " + std::to_string(pointers.size()));
    require(bits == 32 || bits == 64,
            "BLAS integers must be 32 or 64 bits wide, got " + std::to_string(bits));
    for (std::size_t i = 0; i < table.size(); i++) table[i] = pointers[i];
    width = bits;
}
bool blas_installed() noexcept { return width != 0; }
int blas_bits() noexcept { return width; }

namespace blas {

// In either precision.
template <class T>
static void gemm_of(Routine name, char ta, char tb, Int m, Int n, Int k, T alpha, const T* a, Int lda,
                    const T* b, Int ldb, T beta, T* c, Int ldc) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F = void(char*, char*, I*, I*, I*, T*, const T*, I*, const T*, I*, T*, T*, I*);
        I m_ = narrow<I>(m), n_ = narrow<I>(n), k_ = narrow<I>(k), lda_ = narrow<I>(lda),
          ldb_ = narrow<I>(ldb), ldc_ = narrow<I>(ldc);
        routine<F>(name)(&ta, &tb, &m_, &n_, &k_, &alpha, a, &lda_, b, &ldb_, &beta, c, &ldc_);
    });
}
void gemm(char ta, char tb, Int m, Int n, Int k, double alpha, const double* a, Int lda, const double* b,
          Int ldb, double beta, double* c, Int ldc) {
    gemm_of(Routine::dgemm, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
void gemm(char ta, char tb, Int m, Int n, Int k, float alpha, const float* a, Int lda, const float* b,
          Int ldb, float beta, float* c, Int ldc) {
    gemm_of(Routine::sgemm, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemv(char trans, Int m, Int n, double alpha, const double* a, Int lda, const double* x, Int incx,
          double beta, double* y, Int incy) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F = void(char*, I*, I*, double*, const double*, I*, const double*, I*, double*, double*, I*);
        I m_ = narrow<I>(m), n_ = narrow<I>(n), lda_ = narrow<I>(lda), incx_ = narrow<I>(incx),
          incy_ = narrow<I>(incy);
        routine<F>(Routine::dgemv)(&trans, &m_, &n_, &alpha, a, &lda_, x, &incx_, &beta, y, &incy_);
    });
}

void symm(char side, char uplo, Int m, Int n, double alpha, const double* a, Int lda, const double* b,
          Int ldb, double beta, double* c, Int ldc) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F =
            void(char*, char*, I*, I*, double*, const double*, I*, const double*, I*, double*, double*, I*);
        I m_ = narrow<I>(m), n_ = narrow<I>(n), lda_ = narrow<I>(lda), ldb_ = narrow<I>(ldb),
          ldc_ = narrow<I>(ldc);
        routine<F>(Routine::dsymm)(&side, &uplo, &m_, &n_, &alpha, a, &lda_, b, &ldb_, &beta, c, &ldc_);
    });
}

void syrk(char uplo, char trans, Int n, Int k, double alpha, const double* a, Int lda, double beta, double* c,
          Int ldc) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F = void(char*, char*, I*, I*, double*, const double*, I*, double*, double*, I*);
        I n_ = narrow<I>(n), k_ = narrow<I>(k), lda_ = narrow<I>(lda), ldc_ = narrow<I>(ldc);
        routine<F>(Routine::dsyrk)(&uplo, &trans, &n_, &k_, &alpha, a, &lda_, &beta, c, &ldc_);
    });
}

void trmm(char side, char uplo, char trans, char diag, Int m, Int n, double alpha, const double* a, Int lda,
          double* b, Int ldb) {
    triangular(Routine::dtrmm, side, uplo, trans, diag, m, n, alpha, a, lda, b, ldb);
}

void trsm(char side, char uplo, char trans, char diag, Int m, Int n, double alpha, const double* a, Int lda,
          double* b, Int ldb) {
    triangular(Routine::dtrsm, side, uplo, trans, diag, m, n, alpha, a, lda, b, ldb);
}

void trsv(char uplo, char trans, char diag, Int n, const double* a, Int lda, double* x, Int incx) {
    with_width([&](auto tag) {
        using I = decltype(tag);
        using F = void(char*, char*, char*, I*, const double*, I*, double*, I*);
        I n_ = narrow<I>(n), lda_ = narrow<I>(lda), incx_ = narrow<I>(incx);
        routine<F>(Routine::dtrsv)(&uplo, &trans, &diag, &n_, a, &lda_, x, &incx_);
    });
}

Int potrf(char uplo, Int n, double* a, Int lda) {
    return with_width([&](auto tag) -> Int {
        using I = decltype(tag);
        using F = void(char*, I*, double*, I*, I*);
        I n_ = narrow<I>(n), lda_ = narrow<I>(lda), info = 0;
        routine<F>(Routine::dpotrf)(&uplo, &n_, a, &lda_, &info);
        return info;
    });
}

Int potrs(char uplo, Int n, Int nrhs, const double* a, Int lda, double* b, Int ldb) {
    return with_width([&](auto tag) -> Int {
        using I = decltype(tag);
        using F = void(char*, I*, I*, const double*, I*, double*, I*, I*);
        I n_ = narrow<I>(n), r_ = narrow<I>(nrhs), lda_ = narrow<I>(lda), ldb_ = narrow<I>(ldb), info = 0;
        routine<F>(Routine::dpotrs)(&uplo, &n_, &r_, a, &lda_, b, &ldb_, &info);
        return info;
    });
}

double pocon(char uplo, Int n, const double* a, Int lda, double anorm) {
    return with_width([&](auto tag) -> double {
        using I = decltype(tag);
        using F = void(char*, I*, const double*, I*, double*, double*, double*, I*, I*);
        I n_ = narrow<I>(n), lda_ = narrow<I>(lda), info = 0;
        double rcond = 0;
        std::vector<double> work(static_cast<std::size_t>(3 * n));
        std::vector<I> iwork(static_cast<std::size_t>(n));
        routine<F>(Routine::dpocon)(&uplo, &n_, a, &lda_, &anorm, &rcond, work.data(), iwork.data(), &info);
        return rcond;
    });
}

Int syevd(char uplo, Int n, double* a, Int lda, double* w) {
    return with_width([&](auto tag) -> Int {
        using I = decltype(tag);
        using F = void(char*, char*, I*, double*, I*, double*, double*, I*, I*, I*, I*);
        char job = 'V';
        I n_ = narrow<I>(n), lda_ = narrow<I>(lda), lwork = -1, liwork = -1, info = 0;
        double size = 0;
        I isize = 0;
        routine<F>(Routine::dsyevd)(&job, &uplo, &n_, a, &lda_, w, &size, &lwork, &isize, &liwork, &info);
        std::vector<double> work(static_cast<std::size_t>(size));
        std::vector<I> iwork(static_cast<std::size_t>(isize));
        lwork = narrow<I>(static_cast<Int>(work.size()));
        liwork = isize;
        routine<F>(Routine::dsyevd)(&job, &uplo, &n_, a, &lda_, w, work.data(), &lwork, iwork.data(), &liwork,
                                    &info);
        return info;
    });
}

}  // namespace blas
}  // namespace esker
