// Parsers of text for Python: a buffer of whole lines in, NumPy arrays of one block out.
#include <algorithm>

#include "bind/array.hpp"
#include "bind/bytes.hpp"
#include "io/svmlight.hpp"

namespace esker::bind {

namespace {

// Rows that an earlier buffer left over: (y, data, indices, indptr).
using Head = std::optional<std::tuple<Array<double>, py::array, py::array, py::array>>;

Index count_lines(const char* text, Index size) {
    return std::count(text, text + size, '\n') + (size > 0 && text[size - 1] != '\n');
}

template <class T>
py::array_t<T> room_for(Index n) {
    return py::array_t<T>(static_cast<py::ssize_t>(n));  // not cleared: a page is first touched by the parser
}

template <class T>
py::array_t<T> first(const py::array_t<T>& a, Index n) {
    return n == a.size() ? a : py::array_t<T>({static_cast<py::ssize_t>(n)}, a.data(), a);
}

template <class T, class I>
void put(T* to, I* indices, I* indptr, const py::array& data, const py::array& columns,
         const py::array& pointers) {
    auto by_index = [&](auto integer) {
        using J = decltype(integer);
        const auto c = py::cast<Array<J>>(columns);
        const auto r = py::cast<Array<J>>(pointers);
        const auto from = static_cast<std::ptrdiff_t>(r.data()[0]), n = r.data()[r.size() - 1] - from;
        require(from >= 0 && n >= 0 && from + n <= c.size() && from + n <= data.size(),
                "indptr exceeds its arrays");
        std::copy_n(c.data() + from, n, indices);
        std::copy_n(py::cast<Array<T>>(data).data() + from, n, to);
        for (py::ssize_t i = 0; i < r.size(); i++) indptr[i] = static_cast<I>(r.data()[i] - from);
    };
    if (py::isinstance<py::array_t<std::int32_t>>(columns))
        by_index(std::int32_t{});
    else
        by_index(std::int64_t{});
}

template <class T, class I>
py::tuple parse(const SvmlightPlan& plan, const SvmlightOptions& options, const Head& head) {
    CsrRoom<T, I> room{};
    if (head) {
        room.rows = std::get<0>(*head).size();
        const auto pointers = py::cast<Array<Index>>(std::get<3>(*head));
        require(pointers.size() == room.rows + 1, "the head's indptr must be one longer than its y");
        room.entries = pointers.data()[room.rows] - pointers.data()[0];
    }
    auto y = room_for<double>(room.rows + plan.lines);
    auto values = room_for<T>(room.entries + plan.entries);
    auto indices = room_for<I>(room.entries + plan.entries);
    auto indptr = room_for<I>(room.rows + plan.lines + 1);
    room.y = y.mutable_data(), room.values = values.mutable_data();
    room.indices = indices.mutable_data(), room.indptr = indptr.mutable_data();
    room.indptr[0] = 0;
    if (head) {
        std::copy_n(std::get<0>(*head).data(), room.rows, room.y);
        put<T, I>(room.values, room.indices, room.indptr, std::get<1>(*head), std::get<2>(*head),
                  std::get<3>(*head));
    }
    Index columns;
    {
        const py::gil_scoped_release release;
        columns = parse_svmlight(room, plan, options);
    }
    return py::make_tuple(first(y, room.rows), first(values, room.entries), first(indices, room.entries),
                          first(indptr, room.rows + 1), columns, plan.lines);
}

template <class T>
py::tuple parse_as(const SvmlightPlan& plan, const SvmlightOptions& options, const Head& head, bool wide) {
    if (!wide) {
        try {
            return parse<T, std::int32_t>(plan, options, head);
        } catch (const ColumnsTooWide&) {
        }
    }
    return parse<T, std::int64_t>(plan, options, head);
}

// Parses behind rows that lie in the caller's own arrays; false where these have no room for the plan.
template <class T>
bool append(const SvmlightPlan& plan, const SvmlightOptions& options, py::array_t<double>& y,
            py::array_t<T>& values, py::array_t<std::int32_t>& indices, py::array_t<std::int32_t>& indptr,
            Index& rows, Index& entries, Index& columns) {
    require(0 <= rows && 0 <= entries, "rows and entries must not be negative");
    if (y.size() < rows + plan.lines || indptr.size() < rows + plan.lines + 1 ||
        values.size() < entries + plan.entries || indices.size() < entries + plan.entries)
        return false;
    CsrRoom<T, std::int32_t> room{
        y.mutable_data(), values.mutable_data(), indices.mutable_data(), indptr.mutable_data(), rows,
        entries};
    if (rows == 0) room.indptr[0] = 0;
    require(room.indptr[rows] == entries, "indptr must end at entries");
    const py::gil_scoped_release release;
    columns = parse_svmlight(room, plan, options);
    rows = room.rows, entries = room.entries;
    return true;
}

template <class T>
void bind_append(py::module_& m, const char* doc) {
    m.def(
        "append_svmlight",
        [](const py::buffer& text, Index begin, Index end, py::array_t<double> y, py::array_t<T> values,
           py::array_t<std::int32_t> indices, py::array_t<std::int32_t> indptr, Index rows, Index entries,
           bool subtract_one, Index n_features, Index first_line, bool lists) {
            const py::buffer_info info = bytes_of(text, begin, end);
            for (const py::array& a :
                 {py::array(y), py::array(values), py::array(indices), py::array(indptr)})
                require(a.ndim() == 1 && (a.flags() & py::array::c_style), "rows go to contiguous arrays");
            SvmlightPlan plan;
            {
                const py::gil_scoped_release release;
                plan =
                    plan_svmlight(static_cast<const char*>(info.ptr) + begin, end - begin, info.size - begin);
            }
            Index columns = -1;
            try {
                append<T>(plan, {subtract_one, n_features, first_line, lists}, y, values, indices, indptr,
                          rows, entries, columns);
            } catch (const ColumnsTooWide&) {
                columns = -2;
            }
            if (columns < 0) rows = plan.lines, entries = plan.entries;
            return py::make_tuple(rows, entries, columns, plan.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::kw_only(), py::arg("y").noconvert(),
        py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
        py::arg("rows"), py::arg("entries"), py::arg("subtract_one") = false, py::arg("n_features") = -1,
        py::arg("first_line") = 1, py::arg("label_lists") = false, doc);
}

}  // namespace

void bind_text(py::module_& m) {
    m.def(
        "parse_svmlight",
        [](const py::buffer& text, Index begin, Index end, bool float32, bool wide, bool subtract_one,
           Index n_features, Index first_line, bool lists, const Head& head) {
            const py::buffer_info info = bytes_of(text, begin, end);
            const SvmlightOptions options{subtract_one, n_features, first_line, lists};
            SvmlightPlan plan;
            {
                const py::gil_scoped_release release;
                plan =
                    plan_svmlight(static_cast<const char*>(info.ptr) + begin, end - begin, info.size - begin);
            }
            return float32 ? parse_as<float>(plan, options, head, wide)
                           : parse_as<double>(plan, options, head, wide);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::kw_only(), py::arg("float32") = false,
        py::arg("wide") = false, py::arg("subtract_one") = false, py::arg("n_features") = -1,
        py::arg("first_line") = 1, py::arg("label_lists") = false, py::arg("head") = py::none(),
        "Parse text[begin:end], whole svmlight lines, behind the rows of head: (y, data, indices, indptr, "
        "columns, lines). "
        "indices are int32 unless wide, or unless a column does not fit.");
    const char* const appended =
        "Parse text[begin:end] in place, behind `rows` rows and `entries` entries: (rows, entries, columns, "
        "lines). "
        "columns is -1 where the arrays lack room, -2 where int32 does; rows and entries are then what the "
        "text may "
        "hold.";
    bind_append<double>(m, appended);
    bind_append<float>(m, appended);
    m.def(
        "svmlight_labels",
        [](const py::buffer& text, Index begin, Index end) {
            const py::buffer_info info = bytes_of(text, begin, end);
            const char* const from = static_cast<const char*>(info.ptr) + begin;
            Labels found;
            std::vector<double> y;
            {
                const py::gil_scoped_release release;
                y.resize(static_cast<std::size_t>(count_lines(from, end - begin)));
                found = svmlight_labels(y.data(), from, end - begin, info.size - begin, 1);
                y.resize(static_cast<std::size_t>(found.rows));
            }
            return py::make_tuple(own(std::move(y)), found.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"),
        "The labels of text[begin:end], whole svmlight lines, and how many lines there are; entries are not "
        "looked at.");
    m.def(
        "svmlight_label_lists",
        [](const py::buffer& text, Index begin, Index end) {
            const py::buffer_info info = bytes_of(text, begin, end);
            LabelLists found;
            {
                const py::gil_scoped_release release;
                found = label_lists(static_cast<const char*>(info.ptr) + begin, end - begin, 1);
            }
            return py::make_tuple(own(std::move(found.labels)), own(std::move(found.ends)), found.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"),
        "The lists of labels of text[begin:end], whole svmlight lines of any number of labels: (labels, "
        "where "
        "each row's end in them, lines).");
    m.def(
        "skip_svmlight_rows",
        [](const py::buffer& text, Index begin, Index end, Index rows) {
            const py::buffer_info info = bytes_of(text, begin, end);
            SkippedRows s;
            {
                const py::gil_scoped_release release;
                s = skip_svmlight_rows(static_cast<const char*>(info.ptr) + begin, end - begin, rows);
            }
            return py::make_tuple(s.rows, s.bytes, s.lines);
        },
        py::arg("text"), py::arg("begin"), py::arg("end"), py::arg("rows"),
        "Pass over the first rows of text[begin:end], whole lines: (rows, bytes, lines) passed.");
}

}  // namespace esker::bind
