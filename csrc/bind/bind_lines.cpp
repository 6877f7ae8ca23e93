// Lines of documents for Python: a buffer of whole lines in, columns of texts and labels out.
#include "bind/bytes.hpp"
#include "io/lines.hpp"

namespace esker::bind {

namespace {

LabelOf syntax_of(const std::string& name) {
    if (name == "none") return LabelOf::none;
    if (name == "label") return LabelOf::tab;
    require(name == "fasttext", "the syntax of labels is none, label or fasttext");
    return LabelOf::fasttext;
}

// A copy of the first n, so that no room that was not needed is kept.
template <class T>
py::array_t<T> first(const py::array_t<T>& a, std::int64_t n) {
    return n == a.size() ? a : py::array_t<T>({static_cast<py::ssize_t>(n)}, a.data());
}

}  // namespace

void bind_lines(py::module_& m) {
    m.def(
        "split_lines",
        [](const py::buffer& text, std::int64_t begin, std::int64_t end, const std::string& target) {
            const py::buffer_info info = bytes_of(text, begin, end);
            const auto* at = static_cast<const char*>(info.ptr) + begin;
            const auto n = static_cast<std::size_t>(end - begin);
            const LabelOf syntax = syntax_of(target);
            std::int64_t lines;
            {
                const py::gil_scoped_release release;
                lines = count_lines(at, n);
            }
            const bool labelled = syntax != LabelOf::none;
            py::array_t<std::uint8_t> texts(end - begin), labels(labelled ? end - begin : 0);
            py::array_t<std::int64_t> text_ends(lines + 1), label_ends(labelled ? lines + 1 : 1);
            text_ends.mutable_data()[0] = label_ends.mutable_data()[0] = 0;
            LineRoom room{reinterpret_cast<char*>(texts.mutable_data()), text_ends.mutable_data() + 1,
                          reinterpret_cast<char*>(labels.mutable_data()), label_ends.mutable_data() + 1};
            {
                const py::gil_scoped_release release;
                split_lines(room, at, n, syntax);
            }
            const std::int64_t rows = room.rows;
            const auto kept = labelled ? rows : 0;
            return py::make_tuple(first(texts, text_ends.data()[rows]), first(text_ends, rows + 1),
                                  first(labels, label_ends.data()[kept]), first(label_ends, kept + 1), lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::arg("target"),
        "Whole lines text[begin:end] to (texts, offsets, labels, offsets of labels, lines).");
    m.def(
        "skip_lines",
        [](const py::buffer& text, std::int64_t begin, std::int64_t end, std::int64_t rows,
           const std::string& target) {
            const py::buffer_info info = bytes_of(text, begin, end);
            const SkippedLines s = skip_lines(static_cast<const char*>(info.ptr) + begin,
                                              static_cast<std::size_t>(end - begin), rows, syntax_of(target));
            return py::make_tuple(s.rows, s.bytes, s.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::arg("rows"), py::arg("target"),
        "Pass over the first rows of text[begin:end], whole lines: (rows, bytes, lines) passed.");
}

}  // namespace esker::bind
