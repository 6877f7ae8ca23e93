// The parser of Vowpal Wabbit text for Python: a buffer of whole lines in, rows in the caller's arrays out.
#include "bind/array.hpp"
#include "bind/bytes.hpp"
#include "io/vw.hpp"

namespace esker::bind {

namespace {

using Numbers = py::array_t<double>;
using Integers = py::array_t<std::int32_t>;

template <class T>
void bind_append(py::module_& m) {
    m.def(
        "append_vw",
        [](const py::buffer& text, Index begin, Index end, Numbers y, Numbers weight, py::array_t<T> values,
           Integers indices, Integers indptr, Index rows, Index entries, int bits, int labels) -> py::tuple {
            const py::buffer_info info = bytes_of(text, begin, end);
            for (const py::array& a :
                 {py::array(y), py::array(weight), py::array(values), py::array(indices), py::array(indptr)})
                require(a.ndim() == 1 && (a.flags() & py::array::c_style), "rows go to contiguous arrays");
            require(0 <= rows && 0 <= entries, "rows and entries must not be negative");
            const char* const from = static_cast<const char*>(info.ptr) + begin;
            VwRoom<T> room{y.mutable_data(),
                           weight.mutable_data(),
                           values.mutable_data(),
                           indices.mutable_data(),
                           indptr.mutable_data(),
                           rows,
                           entries};
            VwCounts counts;
            VwSeen seen;
            {
                const py::gil_scoped_release release;
                counts = count_vw(from, end - begin);
            }
            if (std::min(y.size(), weight.size()) < rows + counts.lines ||
                indptr.size() < rows + counts.lines + 1 ||
                std::min(values.size(), indices.size()) < entries + counts.entries)
                return py::make_tuple(counts.lines, counts.entries, -1, counts.lines, 0, -1);
            if (rows == 0) room.indptr[0] = 0;
            require(room.indptr[rows] == entries, "indptr must end at entries");
            {
                const py::gil_scoped_release release;
                seen = parse_vw(room, from, end - begin, info.size - begin, {bits, labels, 1});
            }
            return py::make_tuple(room.rows, room.entries, Index{1} << bits, seen.lines, seen.weights,
                                  seen.labels);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::kw_only(), py::arg("y").noconvert(),
        py::arg("weight").noconvert(), py::arg("data").noconvert(), py::arg("indices").noconvert(),
        py::arg("indptr").noconvert(), py::arg("rows"), py::arg("entries"), py::arg("bits") = 18,
        py::arg("labels") = -1,
        "Parse text[begin:end], whole lines of Vowpal Wabbit text, behind `rows` rows and `entries` entries: "
        "(rows, "
        "entries, columns, lines, rows with an importance, labels). columns is -1 where the arrays lack "
        "room; rows and "
        "entries are then what the text may hold.");
}

}  // namespace

void bind_vw(py::module_& m) {
    bind_append<float>(m);
    bind_append<double>(m);
    m.def(
        "skip_vw_rows",
        [](const py::buffer& text, Index begin, Index end, Index rows) {
            const py::buffer_info info = bytes_of(text, begin, end);
            SkippedRows s;
            {
                const py::gil_scoped_release release;
                s = skip_vw_rows(static_cast<const char*>(info.ptr) + begin, end - begin, rows);
            }
            return py::make_tuple(s.rows, s.bytes, s.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::arg("rows"),
        "Pass over the first rows of text[begin:end], whole lines: (rows, bytes, lines) passed.");
}

}  // namespace esker::bind
