// Tables for Python: named columns in, hashed sparse rows out.
#include "bind/array.hpp"
#include "io/table_hash.hpp"

namespace esker::bind {

namespace {

// One column as Python sends it: an array of numbers, or (data, offsets, missing or None, codes or None).
ColumnValues values_of(const py::object& given, Index& rows) {
    auto numbers = [&](auto scalar) -> std::optional<ColumnValues> {
        using T = decltype(scalar);
        if (!py::isinstance<py::array_t<T>>(given)) return std::nullopt;
        const auto a = py::cast<Array<T>>(given);
        require(py::isinstance<Array<T>>(given) && a.ndim() == 1,
                "a column must be contiguous, with one dimension");
        rows = a.size();
        return Numbers<T>{a.data()};
    };
    if (auto v = numbers(double{})) return *v;
    if (auto v = numbers(float{})) return *v;
    if (auto v = numbers(std::int64_t{})) return *v;
    if (auto v = numbers(std::uint64_t{})) return *v;
    require(py::isinstance<py::tuple>(given), "a column must be int64, uint64, float32, float64 or texts");
    const auto t = py::cast<py::tuple>(given);
    auto texts = [&](auto integer) -> std::optional<ColumnValues> {
        using I = decltype(integer);
        if (!py::isinstance<Array<I>>(t[1])) return std::nullopt;
        const auto data = py::cast<Array<std::uint8_t>>(t[0]);
        const auto offsets = py::cast<Array<I>>(t[1]);
        require(py::isinstance<Array<std::uint8_t>>(t[0]) && offsets.size() >= 1,
                "texts must be bytes with offsets");
        Texts<I> out{reinterpret_cast<const char*>(data.data()),
                     data.size(),
                     offsets.data(),
                     offsets.size() - 1,
                     nullptr,
                     nullptr};
        rows = out.texts;
        if (!t[3].is_none()) {
            require(py::isinstance<Array<std::int32_t>>(t[3]), "codes must be int32");
            const auto codes = py::cast<Array<std::int32_t>>(t[3]);
            out.codes = codes.data(), rows = codes.size();
        }
        if (!t[2].is_none()) {
            require(py::isinstance<Array<bool>>(t[2]), "missing must be bool");
            const auto missing = py::cast<Array<bool>>(t[2]);
            require(missing.size() == rows, "missing must have a place for each row");
            out.missing = missing.data();
        }
        return out;
    };
    if (auto v = texts(std::int32_t{})) return *v;
    if (auto v = texts(std::int64_t{})) return *v;
    throw py::type_error("the offsets of texts must be int32 or int64");
}

template <class T>
Index hash(py::array_t<T>& data, Array<std::int32_t>& indices, Array<std::int32_t>& indptr,
           const py::list& columns,
           const std::vector<std::tuple<bool, std::vector<std::pair<int, bool>>>>& features,
           std::uint32_t n_features, bool alternate_sign) {
    TablePlan plan;
    plan.n_features = n_features, plan.alternate_sign = alternate_sign;
    require(0 < n_features && n_features <= 0x7fffffffu, "n_features must lie in 1..2^31-1");
    plan.rows = indptr.size() - 1;
    for (const auto& item : columns) {
        const auto pair = py::cast<py::tuple>(item);
        Column column{py::cast<std::string>(pair[0]), {}, 0};
        column.values = values_of(pair[1], column.rows);
        require(column.rows == plan.rows, "column '" + column.name + "' has " + std::to_string(column.rows) +
                                              " rows, " + std::to_string(plan.rows) + " were expected");
        plan.columns.push_back(std::move(column));
    }
    for (const auto& [number, parts] : features) {
        TableFeature f{number, {}};
        for (const auto& [column, binned] : parts) {
            require(0 <= column && static_cast<std::size_t>(column) < plan.columns.size(), "no such column");
            f.parts.push_back({column, binned});
        }
        require(!f.parts.empty(), "a feature is made of at least one column");
        plan.features.push_back(std::move(f));
    }
    const Index room = plan.rows * static_cast<Index>(plan.features.size());
    require(!plan.features.empty() && room <= 0x7fffffff, "a block holds 1 to 2^31-1 entries");
    require(data.size() >= room && indices.size() >= room, "data and indices need room for rows x features");
    T* to = data.mutable_data();
    std::int32_t *ids = indices.mutable_data(), *ends = indptr.mutable_data();
    const py::gil_scoped_release release;
    return table_hash(ids, to, ends, plan);
}

}  // namespace

void bind_tables(py::module_& m) {
    auto define = [&](auto f, const char* says) {
        m.def("table_hash", f, py::arg("data").noconvert(), py::arg("indices").noconvert(),
              py::arg("indptr").noconvert(), py::arg("columns"), py::arg("features"), py::arg("n_features"),
              py::arg("alternate_sign"), says);
    };
    define(&hash<float>,
           "Fill a CSR matrix from columns, a list of (name, values), and features, a list of (is it a "
           "number as it is, "
           "[(column, binned), ...]); returns the number of entries.");
    define(&hash<double>, "The same with float64 data.");
    m.def("log_bin", &log_bin, py::arg("x"), "floor(4 log2 |x|), from comparisons alone.");
}

}  // namespace esker::bind
