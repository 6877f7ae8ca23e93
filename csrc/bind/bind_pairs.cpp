// Samples of Python (dicts, pairs, strings) to rows of hashed names: objects are walked under the GIL, names
// hashed where they lie.
#include "bind/array.hpp"
#include "io/hashed_pairs.hpp"
#include "io/hashing.hpp"
#include "io/murmur.hpp"

namespace esker::bind {

namespace {

py::object owned(PyObject* p) {
    if (!p) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(p);
}

// The UTF-8 of a str, or the bytes of a bytes; `kept` holds what had to be made.
std::string_view bytes_of(py::handle name, py::object& kept) {
    if (PyUnicode_Check(name.ptr())) {
#if PY_VERSION_HEX < 0x030C0000
        if (PyUnicode_READY(name.ptr()) < 0) throw py::error_already_set();
#endif
        if (PyUnicode_IS_ASCII(name.ptr()))
            return {static_cast<const char*>(PyUnicode_DATA(name.ptr())),
                    static_cast<std::size_t>(PyUnicode_GET_LENGTH(name.ptr()))};
        kept = owned(PyUnicode_AsUTF8String(name.ptr()));
        name = kept;
    } else if (!PyBytes_Check(name.ptr())) {
        throw py::type_error("feature names must be strings");
    }
    return {PyBytes_AS_STRING(name.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(name.ptr()))};
}

template <class T>
class Walk {
public:
    Walk(std::uint32_t n_features, bool alternate_sign) {
        require(1 <= n_features && n_features <= 0x7fffffffu, "n_features must be 1 to 2**31 - 1");
        HashOptions options;
        options.n_features = n_features, options.alternate_sign = alternate_sign;
        columns_ = std::make_unique<Columns>(options);
    }

    void samples(const py::object& rows, const std::string& kind) {
        for (const py::handle row : py::reinterpret_borrow<py::iterable>(rows)) {
            if (kind == "string")
                for (const py::handle name : py::reinterpret_borrow<py::iterable>(row)) add(name, 1.0);
            else if (kind == "dict" && PyDict_CheckExact(row.ptr()))
                dict(row);
            else if (kind == "dict")
                pairs(py::hasattr(row, "iteritems") ? row.attr("iteritems")() : row.attr("items")());
            else
                pairs(row);
            rows_.end_row();
        }
    }

    py::tuple take() {
        {
            const py::gil_scoped_release release;
            rows_.sum_duplicates();
        }
        auto made = py::make_tuple(own(std::move(rows_.values)), own(std::move(rows_.indices)),
                                   own(std::move(rows_.indptr)));
        rows_ = {};
        return made;
    }

private:
    void dict(py::handle row) {
        PyObject *name, *value;
        for (py::ssize_t at = 0; PyDict_Next(row.ptr(), &at, &name, &value);) {
            // A value's own code may change the dict: hold what is at work.
            const auto kept_name = py::reinterpret_borrow<py::object>(name);
            const auto kept_value = py::reinterpret_borrow<py::object>(value);
            pair(kept_name, kept_value);
        }
    }

    void pairs(py::handle row) {
        for (const py::handle item : py::reinterpret_borrow<py::iterable>(row)) {
            if (PyTuple_CheckExact(item.ptr()) && PyTuple_GET_SIZE(item.ptr()) == 2) {
                pair(PyTuple_GET_ITEM(item.ptr(), 0), PyTuple_GET_ITEM(item.ptr(), 1));
                continue;
            }
            const py::object two = owned(PySequence_List(item.ptr()));
            const auto n = PyList_GET_SIZE(two.ptr());
            if (n > 2) throw py::value_error("too many values to unpack (expected 2)");
            if (n < 2)
                throw py::value_error("need more than " + std::to_string(n) + " value" + (n == 1 ? "" : "s") +
                                      " to unpack");
            pair(PyList_GET_ITEM(two.ptr(), 0), PyList_GET_ITEM(two.ptr(), 1));
        }
    }

    // A text as value makes the name "name=text", of value 1.
    void pair(py::handle name, py::handle value) {
        if (!PyUnicode_Check(value.ptr())) {
            const double number = PyFloat_AsDouble(value.ptr());
            if (number == -1.0 && PyErr_Occurred()) throw py::error_already_set();
            if (number != 0) add(name, number);
            return;
        }
        py::object kept;
        const py::object text = PyUnicode_CheckExact(name.ptr()) ? py::reinterpret_borrow<py::object>(name)
                                                                 : owned(PyObject_Str(name.ptr()));
        const py::object said = owned(PyObject_Str(value.ptr()));
        joined_ = bytes_of(text, kept);
        joined_ += '=';
        joined_ += bytes_of(said, kept);
        put(joined_, 1.0);
    }

    void add(py::handle name, double value) {
        py::object kept;
        put(bytes_of(name, kept), value);
    }

    void put(std::string_view name, double value) {
        const std::uint32_t key = columns_->key(murmur3_32(name.data(), name.size(), 0));
        rows_.add(static_cast<std::int32_t>(key >> 1), static_cast<T>(key & 1 ? -value : value));
    }

    std::unique_ptr<Columns> columns_;
    PairRows<T> rows_;
    std::string joined_;
};

template <class T>
py::tuple hash_samples(const py::object& rows, const std::string& kind, std::uint32_t n_features,
                       bool alternate_sign) {
    Walk<T> walk(n_features, alternate_sign);
    walk.samples(rows, kind);
    return walk.take();
}

}  // namespace

void bind_pairs(py::module_& m) {
    m.def(
        "hash_samples",
        [](const py::object& rows, const std::string& kind, std::uint32_t n_features, bool alternate_sign,
           bool float32) {
            return float32 ? hash_samples<float>(rows, kind, n_features, alternate_sign)
                           : hash_samples<double>(rows, kind, n_features, alternate_sign);
        },
        py::arg("rows"), py::kw_only(), py::arg("kind"), py::arg("n_features"), py::arg("alternate_sign"),
        py::arg("float32"), "Samples of names, pairs or dicts to (data, indices, indptr).");
}

}  // namespace esker::bind
