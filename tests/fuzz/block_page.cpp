// A page of the block file: any bytes and any table entry give rows that lie within their room, in range, or
// a FormatError. The first 8 bytes of an input choose what the footer says, the rest is the page.
#include "io/block_page.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

using namespace esker;

namespace {

// The targets alone: of the same bytes, or of a page of which only its heads are at hand.
bool targets(std::vector<std::int64_t>& y, const std::vector<std::uint8_t>& own, const PageShape& shape) {
    const std::vector<std::uint8_t> heads(
        own.begin(), own.begin() + static_cast<std::ptrdiff_t>(std::min(own.size(), page::heads)));
    try {
        const Place place =
            place_of_targets(reinterpret_cast<const std::byte*>(heads.data()), own.size(), shape);
        if (place.at < 0 || place.size < 0 || place.at + place.size > static_cast<Index>(own.size()))
            std::abort();
        decode_targets(y.data(), reinterpret_cast<const std::byte*>(own.data()), own.size(), shape);
    } catch (const FormatError&) {
        return false;
    }
    return true;
}

template <class X, class I>
void decode(const std::uint8_t* bytes, std::size_t size, PageShape shape) {
    std::vector<X> x(static_cast<std::size_t>(shape.numbers));
    std::vector<I> ids(x.size()), indptr(static_cast<std::size_t>(shape.rows) + 1);
    std::vector<std::int64_t> y(static_cast<std::size_t>(shape.rows * shape.targets));
    std::vector<double> weight(static_cast<std::size_t>(shape.rows));
    const std::vector<std::uint8_t> own(bytes,
                                        bytes + size);  // of its exact size, for the sanitizer to watch
    std::vector<std::int64_t> alone(y.size());
    const bool found = shape.y != page::none && targets(alone, own, shape);
    const PageRoom room{x.data(), ids.data(), indptr.data(), y.data(), weight.data(), 0};
    try {
        decode_page(room, reinterpret_cast<const std::byte*>(own.data()), own.size(), shape);
    } catch (const FormatError&) {
        return;
    }
    if (shape.y != page::none && (!found || alone != y)) std::abort();
    if (!shape.sparse) return;
    if (indptr.back() != shape.numbers || !std::is_sorted(indptr.begin(), indptr.end())) std::abort();
    for (const I id : ids)
        if (id < 0 || id >= shape.columns) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 8) return 0;
    PageShape shape;
    shape.rows = 1 + data[0] % 64;
    shape.columns = Index{1} << data[1] % 40;
    shape.numbers = data[2] | (data[3] & 3) << 8;
    shape.sparse = data[4] & 1, shape.weighted = data[4] & 2, shape.half = data[4] & 4;
    shape.y = static_cast<page::Dtype>(data[5] % 6);
    shape.targets = shape.y == page::none ? 0 : 1 + data[6] % 3;
    shape.x = !shape.half && (data[4] & 8) ? page::f64 : page::f32;
    shape.wide = shape.columns > Index{1} << 31 || (data[4] & 16);
    if (!shape.sparse) {
        shape.columns = 1 + data[1] % 16;
        shape.numbers = shape.rows * shape.columns;
    }
    const auto* bytes = data + 8;
    size -= 8;
    const bool wide = shape.wide, f64 = shape.x == page::f64;
    if (wide)
        f64 ? decode<double, std::int64_t>(bytes, size, shape)
            : decode<float, std::int64_t>(bytes, size, shape);
    else
        f64 ? decode<double, std::int32_t>(bytes, size, shape)
            : decode<float, std::int32_t>(bytes, size, shape);
    return 0;
}
