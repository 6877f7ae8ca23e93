// Text as Python sends it: a range of contiguous bytes.
#pragma once

#include "bind/array.hpp"

namespace esker::bind {

inline py::buffer_info bytes_of(const py::buffer& text, Index begin, Index end) {
    py::buffer_info info = text.request();
    require(info.ndim == 1 && info.itemsize == 1 && info.strides[0] == 1, "text must be contiguous bytes");
    require(0 <= begin && begin <= end && end <= info.size, "begin and end must lie in the text");
    return info;
}

}  // namespace esker::bind
