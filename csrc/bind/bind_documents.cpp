// Documents of Python to rows of hashed n-grams. Texts are read where they lie, under the GIL only to find
// them; what upper case makes hard (a final sigma, a dotted capital I) and what is no str goes through
// Python's own code.
#include <algorithm>
#include <atomic>
#include <memory>

#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "io/hashing.hpp"

namespace esker::bind {

namespace {

// What this interpreter says of its code points.
const CodePoints& points_of_python() {
    static const CodePoints points([](std::uint32_t c) {
        std::uint32_t traits = static_cast<std::uint32_t>(Py_UNICODE_TOLOWER(c));
        if (Py_UNICODE_ISALNUM(c) || c == '_') traits |= CodePoints::word;
        if (Py_UNICODE_ISSPACE(c)) traits |= CodePoints::space;
        return traits;
    });
    return points;
}

// Lower case of these depends on their neighbours, or is two code points.
constexpr std::uint32_t sigma = 0x3a3, dotted_i = 0x130;

struct Found {
    bool hard = false, surrogate = false;
};

template <class T>
Found look(const T* p, std::size_t n) noexcept {
    unsigned hard = 0, surrogate = 0;
    for (std::size_t i = 0; i < n; i++) {
        hard |= (p[i] == sigma) | (p[i] == dotted_i);
        surrogate |= (p[i] >> 11) == 0x1b;
    }
    return {hard != 0, surrogate != 0};
}

template <class T>
py::array_t<T> give(Grown<T>& grown) {
    const auto n = static_cast<py::ssize_t>(grown.size());
    T* p = grown.release();
    return py::array_t<T>({n}, p, py::capsule(p, [](void* q) { std::free(q); }));
}

class Documents {
public:
    Documents(const std::string& unit, std::uint32_t shortest, std::uint32_t longest,
              std::uint32_t n_features, bool alternate_sign, bool binary, const std::string& norm,
              bool lowercase, bool accents, const std::optional<std::vector<std::string>>& stop, bool float32)
        : lowercase_(lowercase), accents_(accents) {
        require(1 <= shortest && shortest <= longest, "ngram_range must be ascending numbers from 1 on");
        require(1 <= n_features && n_features <= 0x7fffffffu, "n_features must be 1 to 2**31 - 1");
        options_.unit = unit == "word"   ? Unit::word
                        : unit == "char" ? Unit::character
                                         : Unit::character_in_word;
        options_.shortest = shortest, options_.longest = longest, options_.n_features = n_features;
        options_.alternate_sign = alternate_sign, options_.binary = binary;
        options_.norm = norm == "l1" ? Norm::l1 : norm == "l2" ? Norm::l2 : Norm::none;
        if (stop) stop_ = std::make_unique<StopWords>(*stop), options_.stop = stop_.get();
        if (float32)
            narrow_ = std::make_unique<HashedRows<float>>();
        else
            wide_ = std::make_unique<HashedRows<double>>();
    }

    // `prepare(doc)` decodes, lower-cases and strips as the estimator's own Python code does.
    void add(const py::object& documents, const py::object& prepare) {
        const py::tuple kept(documents);  // another thread may change the list meanwhile
        std::vector<Document> found(kept.size());
        std::vector<py::object> made;
        for (std::size_t i = 0; i < found.size(); i++) {
            PyObject* const d = PyTuple_GET_ITEM(kept.ptr(), static_cast<py::ssize_t>(i));
            if (!PyUnicode_Check(d) || !read(d, lowercase_, accents_, found[i])) {
                made.push_back(prepare(py::handle(d)));
                found[i] = prepared(made.back());
            }
        }
        run(found);
    }

    // Texts of a column: codes may be empty, missing too; a row without a text is a document without words.
    void add_strings(const Array<std::uint8_t>& data, const Array<std::int64_t>& offsets,
                     const std::optional<Array<bool>>& missing,
                     const std::optional<Array<std::int32_t>>& codes, const py::object& prepare) {
        require(offsets.size() >= 1, "offsets must hold at least one number");
        const std::int64_t texts = offsets.size() - 1;
        const std::int64_t rows = codes ? codes->size() : texts;
        require(!missing || missing->size() == rows, "missing must be as long as there are rows");
        const auto* bytes = reinterpret_cast<const char*>(data.data());
        std::vector<Document> found(static_cast<std::size_t>(rows));
        std::vector<char> hard(found.size());
        std::atomic<bool> broken{false};
        {
            const py::gil_scoped_release release;
            constexpr std::int64_t many = 1024;
            parallel_for((rows + many - 1) / many, [&](std::int64_t task) {
                for (std::int64_t i = task * many; i < std::min(rows, (task + 1) * many); i++) {
                    if (missing && missing->data()[i]) continue;
                    const std::int64_t text = codes ? codes->data()[i] : i;
                    if (text < 0 || text >= texts) {
                        broken = true;
                        continue;
                    }
                    const std::int64_t begin = offsets.data()[text], end = offsets.data()[text + 1];
                    if (begin < 0 || end < begin || end > data.size()) {
                        broken = true;
                        continue;
                    }
                    const auto size = static_cast<std::size_t>(end - begin), at = static_cast<std::size_t>(i);
                    found[at] = {bytes + begin, size, Encoding::ascii, lowercase_};
                    if (ascii_prefix(bytes + begin, size) == size) continue;
                    found[at].encoding = Encoding::utf8;
                    hard[at] = accents_ || bad_utf8(bytes + begin, size) != size ||
                               (lowercase_ && has_hard(bytes + begin, size));
                }
            });
        }
        require(!broken, "offsets and codes must ascend within the texts");
        std::vector<py::object> made;
        for (std::size_t i = 0; i < found.size(); i++) {
            if (hard[i]) {
                const auto* text = static_cast<const char*>(found[i].data);
                PyObject* decoded =
                    PyUnicode_DecodeUTF8(text, static_cast<py::ssize_t>(found[i].size), nullptr);
                if (!decoded) throw py::error_already_set();
                made.push_back(prepare(py::reinterpret_steal<py::object>(decoded)));
                found[i] = prepared(made.back());
            } else {
                check_length(found[i].size);
            }
        }
        run(found);
    }

    // Rows of n-grams that Python code made.
    void add_ngrams(const py::object& rows) {
        std::string text;
        std::vector<std::int64_t> begins;
        for (const py::handle row : py::reinterpret_borrow<py::iterable>(rows)) {
            if (PyUnicode_Check(row.ptr()))
                throw py::value_error(
                    "Samples can not be a single string. The input must be an iterable over iterables of "
                    "strings.");
            text.clear(), begins.assign(1, 0);
            for (const py::handle name : py::reinterpret_borrow<py::iterable>(row)) {
                if (PyUnicode_Check(name.ptr())) {
                    const auto utf8 = py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(name.ptr()));
                    if (!utf8) throw py::error_already_set();
                    text.append(PyBytes_AS_STRING(utf8.ptr()),
                                static_cast<std::size_t>(PyBytes_GET_SIZE(utf8.ptr())));
                } else if (PyBytes_Check(name.ptr())) {
                    text.append(PyBytes_AS_STRING(name.ptr()),
                                static_cast<std::size_t>(PyBytes_GET_SIZE(name.ptr())));
                } else {
                    throw py::type_error("feature names must be strings");
                }
                begins.push_back(static_cast<std::int64_t>(text.size()));
            }
            if (wide_)
                wide_->add_names(text.data(), begins.data(), begins.size() - 1, options_);
            else
                narrow_->add_names(text.data(), begins.data(), begins.size() - 1, options_);
        }
    }

    // (data, indices, indptr) of all rows so far; the next rows begin anew.
    py::tuple take() { return wide_ ? arrays_of(*wide_) : arrays_of(*narrow_); }

private:
    static bool has_hard(const char* p, std::size_t n) noexcept {
        unsigned hard = 0;
        for (std::size_t i = 0; i + 1 < n; i++)
            hard |= ((p[i] == '\xce') & (p[i + 1] == '\xa3')) | ((p[i] == '\xc4') & (p[i + 1] == '\xb0'));
        return hard != 0;
    }

    static void check_length(std::size_t n) {
        if (n > longest_document)
            throw py::value_error("a document of " + std::to_string(n) + " characters is longer than " +
                                  std::to_string(longest_document) + "; cut it");
    }

    // A str as it lies in memory; false where Python's own code must prepare it.
    bool read(PyObject* text, bool lower, bool accents, Document& d) const {
#if PY_VERSION_HEX < 0x030C0000
        if (PyUnicode_READY(text) < 0) throw py::error_already_set();
#endif
        d = {PyUnicode_DATA(text), static_cast<std::size_t>(PyUnicode_GET_LENGTH(text)), Encoding::ascii,
             lower};
        check_length(d.size);
        if (PyUnicode_IS_ASCII(text)) return true;
        if (accents) return false;
        Found found;
        switch (PyUnicode_KIND(text)) {
            case PyUnicode_1BYTE_KIND:
                d.encoding = Encoding::latin1;
                return true;
            case PyUnicode_2BYTE_KIND:
                d.encoding = Encoding::ucs2;
                found = look(static_cast<const std::uint16_t*>(d.data), d.size);
                break;
            default:
                d.encoding = Encoding::ucs4;
                found = look(static_cast<const std::uint32_t*>(d.data), d.size);
        }
        if (found.surrogate && options_.unit != Unit::word && d.size >= options_.shortest) {
            // As hashing its n-grams would: they are no UTF-8.
            const auto refused = py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(text));
            if (!refused) throw py::error_already_set();
        }
        return !(lower && found.hard);
    }

    Document prepared(const py::object& text) const {
        if (!PyUnicode_Check(text.ptr()))
            throw py::type_error("expected string or bytes-like object, got " +
                                 py::repr(py::type::of(text)).cast<std::string>());
        Document d;
        read(text.ptr(), false, false, d);
        return d;
    }

    void run(const std::vector<Document>& found) {
        const CodePoints& points = points_of_python();
        const py::gil_scoped_release release;
        if (wide_)
            wide_->add(found.data(), found.size(), options_, points);
        else
            narrow_->add(found.data(), found.size(), options_, points);
    }

    template <class T>
    static py::tuple arrays_of(HashedRows<T>& rows) {
        auto indptr = own(std::exchange(rows.indptr, std::vector<std::int64_t>{0}));
        auto indices = give(rows.indices);
        return py::make_tuple(give(rows.values), indices, indptr);
    }

    HashOptions options_;
    bool lowercase_, accents_;
    std::unique_ptr<StopWords> stop_;
    std::unique_ptr<HashedRows<double>> wide_;
    std::unique_ptr<HashedRows<float>> narrow_;
};

}  // namespace

void bind_documents(py::module_& m) {
    py::class_<Documents>(m, "Documents", "Documents to the rows of a HashingVectorizer.")
        .def(py::init<const std::string&, std::uint32_t, std::uint32_t, std::uint32_t, bool, bool,
                      const std::string&, bool, bool, const std::optional<std::vector<std::string>>&, bool>(),
             py::kw_only(), py::arg("unit"), py::arg("shortest"), py::arg("longest"), py::arg("n_features"),
             py::arg("alternate_sign"), py::arg("binary"), py::arg("norm"), py::arg("lowercase"),
             py::arg("accents"), py::arg("stop"), py::arg("float32"))
        .def("add", &Documents::add, py::arg("documents"), py::arg("prepare"),
             "Rows of a list of str; prepare(doc) makes a str of what is none, or is hard to lower-case.")
        .def("add_strings", &Documents::add_strings, py::arg("data").noconvert(),
             py::arg("offsets").noconvert(), py::arg("missing"), py::arg("codes"), py::arg("prepare"),
             "Rows of a column of UTF-8 texts.")
        .def("add_ngrams", &Documents::add_ngrams, py::arg("rows"),
             "Rows of n-grams: an iterable of str or bytes for each.")
        .def("take", &Documents::take, "(data, indices, indptr) of the rows since the last take.");
}

}  // namespace esker::bind
