// The extension module: one function for each concept, the errors, and how this build came to be.
#include "base/blas.hpp"
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "bind/array.hpp"
#include "isa/kernels.hpp"

namespace esker::bind {

void bind_bytes(py::module_& m);
void bind_block_file(py::module_& m);
void bind_memory(py::module_& m);
void bind_choose(py::module_& m);
void bind_blocks(py::module_& m);
void bind_moments(py::module_& m);
void bind_columns(py::module_& m);
void bind_text(py::module_& m);
void bind_tables(py::module_& m);
void bind_vw(py::module_& m);
void bind_documents(py::module_& m);
void bind_pairs(py::module_& m);
void bind_lines(py::module_& m);
void bind_sketch(py::module_& m);
void bind_hadamard(py::module_& m);
void bind_random(py::module_& m);
void bind_projection(py::module_& m);
void bind_fastfood(py::module_& m);
void bind_loss(py::module_& m);
void bind_sgd(py::module_& m);
void bind_holdout(py::module_& m);
void bind_gram(py::module_& m);
void bind_gradient(py::module_& m);
void bind_kernel_matrix(py::module_& m);
void bind_kernel_tiles(py::module_& m);
void bind_solve(py::module_& m);
void bind_krylov(py::module_& m);
void bind_coordinate(py::module_& m);
void bind_leave_one_out(py::module_& m);
void bind_dual_descent(py::module_& m);
void bind_range(py::module_& m);
void bind_features(py::module_& m);
void bind_features_sketch(py::module_& m);

namespace {

void bind_errors(py::module_& m) {
    // The classes live in esker/_errors.py, so that importing them needs no kernels.
    static py::object errors;
    errors = py::module_::import("esker._errors");
    errors.inc_ref();  // kept for the life of the process
    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const FormatError& e) {
            py::object type = errors.attr("FormatError");
            PyErr_SetObject(type.ptr(), type(e.what(), py::none(), e.line, e.column).ptr());
        } catch (const NotPositiveDefinite& e) {
            py::object type = errors.attr("NotPositiveDefinite");
            PyErr_SetObject(type.ptr(), type(e.what()).ptr());
        } catch (const Interrupted&) {
            if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
        }
    });
    (void)m;
}

py::dict config() {
    const char* names[4];
    const int n = available_isas(names);
    py::dict d;
    d["version"] = ESKER_VERSION;
    d["compiler"] = ESKER_COMPILER;
    d["isa"] = kernels().name;
    d["isas_available"] = std::vector<std::string>(names, names + n);
#ifdef ESKER_OPENMP
    d["openmp"] = true;
#else
    d["openmp"] = false;
#endif
    d["threads"] = threads();
    d["blas_integer_bits"] = blas_bits();
    return d;
}

}  // namespace
}  // namespace esker::bind

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    namespace py = pybind11;
    using namespace esker;
    m.doc() =
        "esker's kernels. Strict about dtypes and layouts: the Python modules around it convert and explain.";
    bind::bind_errors(m);
    m.def("config", &bind::config, "How this extension was built and what it picked at run time.");
    m.def(
        "set_thread_limit", [](int n) { return std::exchange(thread_limit, n); }, py::arg("n"),
        "Threads for kernels called from this Python thread (0: what OpenMP says); returns the earlier "
        "limit.");
    m.def("routine_names", &routine_names, "The BLAS and LAPACK routines that install_blas wants, in order.");
    m.def(
        "install_blas",
        [](const std::vector<py::capsule>& routines, int bits) {
            std::vector<void*> pointers;
            for (const py::capsule& c : routines) pointers.push_back(PyCapsule_GetPointer(c.ptr(), c.name()));
            install_blas(pointers, bits);
        },
        py::arg("routines"), py::arg("bits"),
        "Borrow BLAS and LAPACK: capsules of routine_names(), and their integers' width.");
    m.def(
        "philox",
        [](const std::array<std::uint32_t, 4>& counter, const std::array<std::uint32_t, 2>& key) {
            return philox(counter, key);
        },
        py::arg("counter"), py::arg("key"), "Philox4x32-10 of one counter.");
    bind::bind_bytes(m);
    bind::bind_memory(m);
    bind::bind_block_file(m);
    bind::bind_blocks(m);
    bind::bind_choose(m);
    bind::bind_moments(m);
    bind::bind_columns(m);
    bind::bind_text(m);
    bind::bind_tables(m);
    bind::bind_vw(m);
    bind::bind_documents(m);
    bind::bind_pairs(m);
    bind::bind_lines(m);
    bind::bind_sketch(m);
    bind::bind_hadamard(m);
    bind::bind_random(m);
    bind::bind_projection(m);
    bind::bind_fastfood(m);
    bind::bind_loss(m);
    bind::bind_sgd(m);
    bind::bind_holdout(m);
    bind::bind_gram(m);
    bind::bind_gradient(m);
    bind::bind_solve(m);
    bind::bind_kernel_matrix(m);
    bind::bind_kernel_tiles(m);
    bind::bind_krylov(m);
    bind::bind_coordinate(m);
    bind::bind_leave_one_out(m);
    bind::bind_dual_descent(m);
    bind::bind_range(m);
    bind::bind_features(m);
    bind::bind_features_sketch(m);
}
