// What choosing rows asks of the kernels: random 64-bit numbers of row keys, and 64-bit names of texts.
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "bind/array.hpp"
#include "io/murmur.hpp"

namespace esker::bind {

namespace {

constexpr Index shard = 1 << 16;

// f(begin, end) over shards of 0..n-1, on all threads where there is work for more than one.
template <class F>
void in_shards(Index n, F&& f) {
    parallel_for((n + shard - 1) / shard, [&](Index s) { f(s * shard, std::min(n, (s + 1) * shard)); });
}

template <class Offset>
void name_texts(std::int64_t* out, const char* data, const Offset* offsets, Index n) {
    in_shards(n, [=](Index begin, Index end) {
        for (Index i = begin; i < end; i++) {
            const char* text = data + offsets[i];
            const auto size = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
            const auto high = std::uint64_t{murmur3_32(text, size, 1)};
            out[i] = static_cast<std::int64_t>(high << 32 | murmur3_32(text, size, 0));
        }
    });
}

template <class Offset>
py::array_t<std::int64_t> text_names(const Array<std::uint8_t>& data, const Array<Offset>& offsets) {
    const Index n = std::max<Index>(offsets.size() - 1, 0);
    const Offset* o = offsets.data();
    for (Index i = 0; i < n; i++) require(o[i] <= o[i + 1], "offsets must ascend");
    require(n == 0 || (o[0] >= 0 && static_cast<py::ssize_t>(o[n]) <= data.size()),
            "offsets must lie within the data");
    py::array_t<std::int64_t> out(n);
    std::int64_t* to = out.mutable_data();
    const auto* text = reinterpret_cast<const char*>(data.data());
    const py::gil_scoped_release release;
    name_texts(to, text, o, n);
    return out;
}

}  // namespace

void bind_choose(py::module_& m) {
    m.def(
        "draws",
        [](std::uint64_t seed, const Array<std::int64_t>& keys, std::uint32_t stream, std::uint32_t number) {
            py::array_t<std::uint64_t> out(keys.size());
            const std::int64_t* k = keys.data();
            std::uint64_t* to = out.mutable_data();
            const Index n = keys.size();
            const py::gil_scoped_release release;
            in_shards(n, [=](Index begin, Index end) {
                for (Index i = begin; i < end; i++) {
                    const Words words = draw(seed, k[i], static_cast<Stream>(stream), number);
                    to[i] = std::uint64_t{words[0]} << 32 | words[1];
                }
            });
            return out;
        },
        py::arg("seed"), py::arg("keys").noconvert(), py::arg("stream"), py::arg("number"),
        "64 random bits for each key: a pure function of (seed, key, stream, number).");
    m.def("text_names", &text_names<std::int32_t>, py::arg("data").noconvert(),
          py::arg("offsets").noconvert(),
          "A 64-bit hash of each text data[offsets[i]:offsets[i + 1]]: MurmurHash3_x86_32 of two seeds.");
    m.def("text_names", &text_names<std::int64_t>, py::arg("data").noconvert(),
          py::arg("offsets").noconvert());
}

}  // namespace esker::bind
