// Bytes for Python: checksums and hashes.
#include "base/crc32c.hpp"
#include "bind/array.hpp"
#include "io/murmur.hpp"

namespace esker::bind {

void bind_bytes(py::module_& m) {
    auto checksum = [](auto f) {
        return [f](const py::buffer& data, std::uint32_t crc) {
            const py::buffer_info info = data.request();
            require(info.ndim == 1 && info.strides[0] == info.itemsize, "data must be contiguous bytes");
            const py::gil_scoped_release release;
            return f(crc, info.ptr, static_cast<std::size_t>(info.size * info.itemsize));
        };
    };
    m.def("crc32c", checksum(&crc32c), py::arg("data"), py::arg("crc") = 0,
          "CRC32C of bytes, or of what `crc` is of, then these.");
    m.def("crc32c_by_instruction", checksum(&crc32c_by_instruction), py::arg("data"), py::arg("crc") = 0,
          "crc32c without carry-less multiplication, for tests.");
    m.def("crc32c_by_tables", checksum(&crc32c_by_tables), py::arg("data"), py::arg("crc") = 0,
          "crc32c without the CPU's instruction, for tests.");
    m.def(
        "murmur3_32",
        [](const py::bytes& data, std::uint32_t seed) {
            const std::string_view bytes = data;
            return murmur3_32(bytes.data(), bytes.size(), seed);
        },
        py::arg("data"), py::arg("seed") = 0, "MurmurHash3_x86_32 of bytes.");
}

}  // namespace esker::bind
