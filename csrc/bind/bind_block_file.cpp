// Pages of the block file for Python: rows to pages, and pages of an open file into NumPy arrays.
#include <algorithm>

#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "io/block_read.hpp"

namespace esker::bind {

namespace {

page::Dtype dtype_of(const py::array& a) {
    const char kind = a.dtype().kind();
    const auto item = a.itemsize();
    if (kind == 'f' && item == 4) return page::f32;
    if (kind == 'f' && item == 8) return page::f64;
    if (kind == 'i' && item == 4) return page::i32;
    if (kind == 'i' && item == 8) return page::i64;
    if (kind == 'b') return page::boolean;
    throw py::type_error("expected float32, float64, int32, int64 or bool, got " +
                         py::repr(a.dtype()).cast<std::string>());
}

void contiguous(const py::array& a, const char* what) {
    require(a.size() == 0 || (a.flags() & py::array::c_style), std::string(what) + " must be contiguous");
}

// --- writing ---

template <class T, class I>
py::list encode(PageRows<T, I> rows, const py::array& x, const std::optional<py::array>& y,
                const std::optional<Array<double>>& weight, const std::vector<Index>& cuts) {
    require(!cuts.empty() && cuts.front() == 0 && cuts.back() == rows.rows &&
                std::is_sorted(cuts.begin(), cuts.end()),
            "cuts must ascend from 0 to the number of rows");
    std::size_t y_item = 0;
    if (y) {
        contiguous(*y, "y");
        rows.y_dtype = dtype_of(*y);
        rows.targets = y->ndim() == 1 ? 1 : y->shape(1);
        require(y->ndim() <= 2 && y->size() == rows.rows * rows.targets, "y must have the rows of X");
        rows.y = y->data();
        y_item = static_cast<std::size_t>(y->itemsize());
    }
    if (weight) {
        require(weight->size() == rows.rows, "weight must have the rows of X");
        rows.weight = weight->data();
    }
    std::vector<EncodedPage> pages(cuts.size() - 1);
    {
        const py::gil_scoped_release release;
        parallel_for(static_cast<std::int64_t>(pages.size()), [&](std::int64_t i) {
            const Index begin = cuts[static_cast<std::size_t>(i)],
                        end = cuts[static_cast<std::size_t>(i) + 1];
            PageRows<T, I> part = rows;
            part.rows = end - begin;
            if (rows.ids)
                part.indptr += begin;
            else
                part.x += begin * rows.columns;
            if (rows.y)
                part.y = static_cast<const std::byte*>(rows.y) +
                         static_cast<std::size_t>(begin * rows.targets) * y_item;
            if (rows.weight) part.weight += begin;
            pages[static_cast<std::size_t>(i)] = encode_page(part);
        });
    }
    (void)x;
    py::list out;
    for (EncodedPage& e : pages) {
        const auto [x_at, numbers, nonzeros, top, finite, crc] =
            std::tuple(e.x_at, e.numbers, e.nonzeros, e.top, e.finite, e.crc);
        auto* kept = new std::vector<std::byte>(std::move(e.bytes));
        py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<std::byte>*>(p); });
        const py::array_t<std::uint8_t> bytes({static_cast<py::ssize_t>(kept->size())},
                                              reinterpret_cast<const std::uint8_t*>(kept->data()), owner);
        out.append(py::make_tuple(bytes, x_at, numbers, nonzeros, top, finite, crc));
    }
    return out;
}

template <class T, class I>
py::list encode_csr(const py::array& data, const py::array& indices, const py::array& indptr,
                    const std::optional<py::array>& y, const std::optional<Array<double>>& weight,
                    const std::vector<Index>& cuts) {
    const auto ids = py::cast<Array<I>>(indices), pointers = py::cast<Array<I>>(indptr);
    require(pointers.size() >= 1, "indptr must hold at least one number");
    const I* p = pointers.data();
    require(p[0] >= 0 && std::is_sorted(p, p + pointers.size()) && p[pointers.size() - 1] <= ids.size() &&
                ids.size() == data.size(),
            "data and indices must be as long as indptr says");
    PageRows<T, I> rows;
    rows.x = static_cast<const T*>(data.data()), rows.ids = ids.data(), rows.indptr = p;
    rows.rows = pointers.size() - 1;
    static const I none = 0;
    if (!rows.ids) rows.ids = &none;
    return encode(rows, data, y, weight, cuts);
}

template <class T>
py::list encode_x(const py::object& x, const std::optional<py::array>& y,
                  const std::optional<Array<double>>& weight, const std::vector<Index>& cuts) {
    if (py::isinstance<py::tuple>(x)) {
        const auto t = py::cast<py::tuple>(x);
        const auto data = py::cast<py::array>(t[0]), indices = py::cast<py::array>(t[1]),
                   indptr = py::cast<py::array>(t[2]);
        contiguous(data, "data"), contiguous(indices, "indices"), contiguous(indptr, "indptr");
        if (py::isinstance<py::array_t<std::int32_t>>(indices) &&
            py::isinstance<py::array_t<std::int32_t>>(indptr))
            return encode_csr<T, std::int32_t>(data, indices, indptr, y, weight, cuts);
        require(py::isinstance<py::array_t<std::int64_t>>(indices) &&
                    py::isinstance<py::array_t<std::int64_t>>(indptr),
                "indices and indptr must both be int32 or int64");
        return encode_csr<T, std::int64_t>(data, indices, indptr, y, weight, cuts);
    }
    const auto a = py::cast<py::array>(x);
    contiguous(a, "X");
    require(a.ndim() == 2, "X must have 2 dimensions");
    PageRows<T, std::int32_t> rows;
    rows.x = static_cast<const T*>(a.data()), rows.rows = a.shape(0), rows.columns = a.shape(1);
    return encode(rows, a, y, weight, cuts);
}

py::list encode_pages(const py::object& x, const std::optional<py::array>& y,
                      const std::optional<Array<double>>& weight, const std::vector<Index>& cuts) {
    const auto values = py::cast<py::array>(py::isinstance<py::tuple>(x) ? py::cast<py::tuple>(x)[0] : x);
    if (values.dtype().kind() == 'f' && values.itemsize() == 2)
        return encode_x<std::uint16_t>(x, y, weight, cuts);
    if (py::isinstance<py::array_t<float>>(values)) return encode_x<float>(x, y, weight, cuts);
    if (py::isinstance<py::array_t<double>>(values)) return encode_x<double>(x, y, weight, cuts);
    throw py::type_error("X must be float16, float32 or float64");
}

// --- reading ---

constexpr py::ssize_t fields = sizeof(PageEntry) / sizeof(Index);

const PageEntry* entries(const Array<std::int64_t>& table) {
    require(table.ndim() == 2 && table.shape(1) == fields, "the table has 8 columns");
    const auto* pages = reinterpret_cast<const PageEntry*>(table.data());
    for (Index i = 0; i < table.shape(0); i++) {
        const PageEntry& e = pages[i];
        require(
            e.offset >= 0 && e.size >= 0 && e.rows >= 0 && e.numbers >= 0 && e.x_at >= 0 && e.x_at <= e.size,
            "pages must have places and sizes");
    }
    return pages;
}

void* place(py::array a, Index n, const char* what) {
    contiguous(a, what);
    require(a.size() >= n, std::string(what) + " lacks room");
    return a.mutable_data();
}

void* targets(PageShape& shape, const py::array& y, Index rows) {
    shape.y = dtype_of(y);
    shape.targets = y.ndim() == 1 ? 1 : y.shape(1);
    require(y.ndim() >= 1 && y.ndim() <= 2 && y.shape(0) >= rows, "y lacks room");
    return place(y, rows * shape.targets, "y");
}

void into_arrays(const py::object& x, const std::optional<py::array>& y,
                 const std::optional<py::array_t<double>>& weight, int file, const Array<std::int64_t>& table,
                 const Array<std::uint32_t>& crc, Index first_page, Index columns, bool half,
                 const std::shared_ptr<Pool>& scratch, Index first) {
    const auto* pages = entries(table);
    const Index count = table.shape(0);
    require(crc.size() == count, "there is a checksum for each page");
    Index rows = 0, numbers = 0;
    for (Index i = 0; i < count; i++) {
        const PageEntry& e = pages[i];
        require(i == 0 || (e.offset == pages[i - 1].offset + pages[i - 1].size &&
                           (e.x_at > 0) == (pages[0].x_at > 0)),
                "pages must lie one behind the other");
        require(e.rows <= INT64_MAX - rows && e.numbers <= INT64_MAX - numbers, "too many rows");
        rows += e.rows, numbers += e.numbers;
    }
    PageShape shape;
    PageRoom room;
    shape.columns = columns, shape.half = half;
    if (py::isinstance<py::tuple>(x)) {
        const auto t = py::cast<py::tuple>(x);
        const auto data = py::cast<py::array>(t[0]), ids = py::cast<py::array>(t[1]),
                   indptr = py::cast<py::array>(t[2]);
        shape.sparse = true;
        shape.x = dtype_of(data);
        shape.wide = dtype_of(ids) == page::i64;
        require((dtype_of(ids) == page::i32 || shape.wide) && dtype_of(indptr) == dtype_of(ids),
                "indices and indptr must both be int32 or int64");
        require(first >= 0 && first <= INT64_MAX - numbers, "row pointers begin at 0 or above");
        require(shape.wide || (columns <= Index{1} << 31 && first + numbers < Index{1} << 31),
                "int32 is too narrow");
        room.x = place(data, numbers, "data"), room.ids = place(ids, numbers, "indices");
        room.indptr = place(indptr, rows + 1, "indptr");
        room.first = first;
    } else {
        const auto a = py::cast<py::array>(x);
        shape.x = dtype_of(a);
        room.x = place(a, numbers, "X");
    }
    require(shape.x == page::f32 || (shape.x == page::f64 && !half), "X must be float32, or float64");
    if (y) room.y = targets(shape, *y, rows);
    if (weight) {
        shape.weighted = true;
        room.weight = static_cast<double*>(place(*weight, rows, "weight"));
    }
    const py::gil_scoped_release release;
    read_pages(room, file, pages, crc.data(), count, first_page, shape, *scratch);
}

void targets_into(const py::array& y, int file, const Array<std::int64_t>& table) {
    const auto* pages = entries(table);
    Index rows = 0;
    for (Index i = 0; i < table.shape(0); i++) {
        require(pages[i].rows <= INT64_MAX - rows, "too many rows");
        rows += pages[i].rows;
    }
    PageShape shape;
    void* const out = targets(shape, y, rows);
    const py::gil_scoped_release release;
    read_targets(out, file, pages, table.shape(0), shape);
}

}  // namespace

void bind_block_file(py::module_& m) {
    m.def(
        "encode_pages", &encode_pages, py::arg("x"), py::arg("y"), py::arg("weight").noconvert(),
        py::arg("cuts"),
        "Rows cuts[i]..cuts[i + 1] - 1 as page i: (bytes, x_at, numbers, nonzeros, top column + 1, finite, "
        "checksum) of each. x is a dense array or (data, indices, indptr), of float16, float32 or float64.");
    m.def("read_pages", &into_arrays, py::arg("x"), py::arg("y"), py::arg("weight").noconvert(),
          py::kw_only(), py::arg("file"), py::arg("table").noconvert(), py::arg("crc").noconvert(),
          py::arg("first_page"), py::arg("columns"), py::arg("half"), py::arg("scratch"),
          py::arg("first") = Index{0},
          "Read, check and decode pages that lie one behind the other into the arrays x (or (data, indices, "
          "indptr)), y and weight. Row pointers count on from `first`.");
    m.def(
        "read_targets", &targets_into, py::arg("y"), py::kw_only(), py::arg("file"),
        py::arg("table").noconvert(),
        "The targets alone of pages anywhere in an open file, one page's rows behind the other's. Checksums "
        "are not compared.");
}

}  // namespace esker::bind
