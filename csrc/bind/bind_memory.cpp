// Reused memory for Python: a NumPy array of bytes whose owner gives them back to the pool.
#include <cstdlib>

#include "base/pool.hpp"
#include "bind/array.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace esker::bind {

namespace {

struct Loan {
    std::shared_ptr<Pool> pool;  // outlives its Python object as long as something is on loan
    Piece piece;
    Loan(std::shared_ptr<Pool> pool, Piece piece) : pool(std::move(pool)), piece(piece) {}
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() { pool->give(piece); }
};

}  // namespace

void bind_memory(py::module_& m) {
    m.def(
        "trim_memory",
        [] {
#ifdef __GLIBC__
            malloc_trim(0);
#endif
        },
        py::call_guard<py::gil_scoped_release>(),
        "What malloc keeps of freed memory goes back to the system, where it can be told so.");
    py::class_<Pool, std::shared_ptr<Pool>>(m, "Pool", "Memory for blocks that is used again.")
        .def(py::init<std::size_t>(), py::arg("keep"))
        .def(
            "empty",
            [](const std::shared_ptr<Pool>& pool, std::size_t n) {
                auto loan = std::make_unique<Loan>(pool, pool->take(n));
                auto* data = reinterpret_cast<std::uint8_t*>(loan->piece.data);
                py::capsule owner(loan.get(), [](void* p) { delete static_cast<Loan*>(p); });
                loan.release();
                return py::array_t<std::uint8_t>({static_cast<py::ssize_t>(n)}, data, owner);
            },
            py::arg("n"), "n bytes, not cleared; they come back when the last view of them is gone.")
        .def("close", &Pool::close, "What is idle goes back to the system now, the rest when it comes back.")
        .def_property_readonly("idle", &Pool::idle, "Bytes that wait to be used again.");
}

}  // namespace esker::bind
