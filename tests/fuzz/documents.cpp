// Hashed n-grams: the same row from every encoding of a document, on one thread and on two, all at once or
// one by one; ids in bounds and ascending; the words of a row are those of a reader that goes a code point at
// a time.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/parallel.hpp"
#include "fuzz.hpp"
#include "io/hashing.hpp"
#include "io/murmur.hpp"

using namespace esker;

namespace {

// A made-up Unicode: ASCII as it is, some Latin-1 and Greek with case, and word, space or neither by number
// beyond.
std::uint32_t traits(std::uint32_t c) {
    std::uint32_t lower = c;
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c < 0xDF && c != 0xD7) || (c >= 0x391 && c < 0x3AA))
        lower = c + 32;
    if (c == 0x2C65) lower = 0x23A;  // lower case in fewer bytes
    if (c == 0x23A) lower = 0x2C65;  // and in more
    const bool word =
        c < 128 ? (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' : c % 5 != 0;
    const bool space =
        c < 128 ? c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f) : !word && c % 3 == 0;
    return lower | (word ? CodePoints::word : 0) | (space ? CodePoints::space : 0);
}

const CodePoints& points() {
    static const CodePoints all(traits);
    return all;
}

using Row = std::map<std::int32_t, double>;

struct Rows {
    std::vector<std::int64_t> indptr;
    std::vector<std::int32_t> indices;
    std::vector<double> values;
    bool operator==(const Rows& o) const {
        return fuzz::same(indptr, o.indptr) && fuzz::same(indices, o.indices) && fuzz::same(values, o.values);
    }
};

Rows hashed(const std::vector<Document>& documents, const HashOptions& options, bool one_by_one = false) {
    HashedRows<double> rows;
    if (one_by_one)
        for (const Document& d : documents) rows.add(&d, 1, options, points());
    else
        rows.add(documents.data(), documents.size(), options, points());
    Rows out;
    out.indptr = rows.indptr;
    out.indices.assign(rows.indices.data(), rows.indices.data() + rows.indices.size());
    out.values.assign(rows.values.data(), rows.values.data() + rows.values.size());
    return out;
}

// The words' n-grams, counted by column, from the code points.
Row naive(const std::vector<std::uint32_t>& text, const HashOptions& o, bool lower) {
    std::vector<std::string> words;
    std::string word;
    std::size_t length = 0;
    const auto close = [&] {
        if (length >= 2 && !(o.stop && o.stop->has(word.data(), word.size()))) words.push_back(word);
        word.clear(), length = 0;
    };
    for (std::uint32_t c : text) {
        if (lower) c = traits(c) & CodePoints::lower_bits;
        if (!(traits(c) & CodePoints::word)) {
            close();
            continue;
        }
        char bytes[4];
        word.append(bytes, put_utf8(bytes, c)), length++;
    }
    close();
    Row row;
    for (std::size_t n = o.shortest; n <= o.longest; n++)
        for (std::size_t i = 0; i + n <= words.size(); i++) {
            std::string gram = words[i];
            for (std::size_t k = 1; k < n; k++) gram += " " + words[i + k];
            const auto hash = static_cast<std::int32_t>(murmur3_32(gram.data(), gram.size(), 0));
            const std::int64_t size = std::abs(static_cast<std::int64_t>(hash));
            row[static_cast<std::int32_t>(size % o.n_features)] += o.alternate_sign && hash < 0 ? -1 : 1;
        }
    return row;
}

struct Text {
    std::string bytes;
    std::vector<std::uint32_t> codes;
    std::vector<std::uint16_t> halves;
    Encoding encoding = Encoding::ascii;  // of the bytes
};

Text read(std::string_view bytes) {
    Text t{std::string(bytes), {}, {}, Encoding::ascii};
    if (bad_utf8(t.bytes.data(), t.bytes.size()) == t.bytes.size()) {
        const auto* p = reinterpret_cast<const unsigned char*>(t.bytes.data());
        for (const unsigned char* end = p + t.bytes.size(); p < end;) t.codes.push_back(next_utf8(p));
        if (t.codes.size() != t.bytes.size()) t.encoding = Encoding::utf8;
    } else {
        for (const char c : bytes) t.codes.push_back(static_cast<unsigned char>(c));
        t.encoding = Encoding::latin1;
    }
    for (const std::uint32_t c : t.codes)
        if (c < 0x10000) t.halves.push_back(static_cast<std::uint16_t>(c));
    return t;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const StopWords stop({"the", "and", "w\xc3\xb6rter"});
    fuzz::Input input(data, size);
    const std::uint8_t first = input.byte(), second = input.byte();
    HashOptions o;
    o.unit = static_cast<Unit>(first % 3);
    o.shortest = 1 + (first >> 2) % 4, o.longest = o.shortest + (first >> 4) % 4;
    o.n_features = second & 1 ? 1u << 20 : second & 2 ? 1000u : second & 4 ? 0x7fffffffu : 1u;
    o.alternate_sign = second & 8, o.binary = second & 16;
    o.norm = static_cast<Norm>((second >> 5) % 3);
    o.stop = o.unit == Unit::word && first & 128 ? &stop : nullptr;
    const bool lower = second & 128;

    const std::string_view all = input.rest();
    std::vector<Text> texts;
    for (std::size_t i = 0; i <= all.size();) {
        const std::size_t end = std::min(all.find('\n', i), all.size());
        texts.push_back(read(all.substr(i, end - i)));
        i = end + 1;
    }
    std::vector<Document> documents, wide, narrow;
    for (const Text& t : texts) {
        documents.push_back({t.bytes.data(), t.bytes.size(), t.encoding, lower});
        wide.push_back({t.codes.data(), t.codes.size(), Encoding::ucs4, lower});
        narrow.push_back(t.halves.size() == t.codes.size()
                             ? Document{t.halves.data(), t.halves.size(), Encoding::ucs2, lower}
                             : wide.back());
    }
    thread_limit = 1;
    const Rows rows = hashed(documents, o);
    fuzz::must(hashed(wide, o) == rows, "the encoding does not matter (4 bytes)");
    fuzz::must(hashed(narrow, o) == rows, "the encoding does not matter (2 bytes)");
    fuzz::must(hashed(documents, o, true) == rows, "documents one by one give the same rows");
    if (fuzz::hash(all) % 32 == 0) {
        thread_limit = 2;
        fuzz::must(hashed(documents, o) == rows, "two threads give what one gives");
        thread_limit = 1;
    }
    fuzz::must(rows.indptr.size() == documents.size() + 1, "a row for each document");
    for (std::size_t i = 0; i < documents.size(); i++) {
        Row found;
        for (auto k = rows.indptr[i]; k < rows.indptr[i + 1]; k++) {
            const auto at = static_cast<std::size_t>(k);
            fuzz::must(rows.indices[at] >= 0 && static_cast<std::uint32_t>(rows.indices[at]) < o.n_features,
                       "ids are in bounds");
            fuzz::must(k == rows.indptr[i] || rows.indices[at - 1] < rows.indices[at], "ids ascend");
            fuzz::must(std::isfinite(rows.values[at]), "values are finite");
            found[rows.indices[at]] = rows.values[at];
        }
        if (o.unit != Unit::word || o.binary || o.norm != Norm::none) continue;
        Row expected = naive(texts[i].codes, o, lower);
        std::erase_if(expected, [](const auto& e) { return e.second == 0; });
        std::erase_if(found, [](const auto& e) { return e.second == 0; });
        fuzz::must(found == expected, "the words are those that a plain reader finds");
    }
    return 0;
}
