#include "text/jinja/text.h"

#include <algorithm>
#include <utility>

#include "text/jinja/failure.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {

Text Text::trusted(std::string_view bytes) {
  Text text;
  text.append(bytes, false);
  return text;
}

Text Text::from_data(std::string_view bytes) {
  Text text;
  text.append(bytes, true);
  return text;
}

void Text::reserve_more(std::size_t more) {
  if (more > kMaxTextBytes || bytes_.size() + more > kMaxTextBytes) {
    fail("a string grows past {} bytes", kMaxTextBytes);
  }
}

void Text::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!data_.empty() && data_.back().end == begin) {
    data_.back().end = end;
  } else {
    data_.push_back({begin, end});
  }
}

bool Text::is_data(std::size_t position) const {
  const auto range = std::upper_bound(data_.begin(), data_.end(), position,
                                      [](std::size_t at, const Range& r) { return at < r.end; });
  return range != data_.end() && range->begin <= position;
}

void Text::append(std::string_view bytes, bool data) {
  reserve_more(bytes.size());
  const std::size_t begin = bytes_.size();
  bytes_.append(bytes);
  if (data) mark(begin, bytes_.size());
}

void Text::append(const Text& other) { append_slice(other, 0, other.size()); }

void Text::append_slice(const Text& other, std::size_t begin, std::size_t end) {
  reserve_more(end - begin);
  const std::size_t base = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto range = std::upper_bound(other.data_.begin(), other.data_.end(), begin,
                                [](std::size_t at, const Range& r) { return at < r.end; });
  for (; range != other.data_.end() && range->begin < end; ++range) {
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
  }
}

void Text::append_code_point(char32_t c, bool data) {
  reserve_more(4);
  const std::size_t begin = bytes_.size();
  append_utf8(bytes_, c);
  if (data) mark(begin, bytes_.size());
}

void Text::append_fill(std::size_t count, const Text& fill) {
  if (!fill.empty() && count > kMaxTextBytes / fill.size()) reserve_more(kMaxTextBytes + 1);
  for (std::size_t i = 0; i < count; ++i) append(fill);
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text part;
  part.append_slice(*this, begin, end);
  return part;
}

tokenizer::RenderedText Text::release() && { return {std::move(bytes_), std::move(data_)}; }

}  // namespace armorm::text::jinja
