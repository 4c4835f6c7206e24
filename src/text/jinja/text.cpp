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

Text::Text(const Text& other)
    : held_(other.bytes_.size() + other.data_.size() * sizeof(Range)),
      bytes_(other.bytes_),
      data_(other.data_) {}

Text& Text::operator=(Text other) noexcept {
  held_ = std::move(other.held_);
  bytes_ = std::move(other.bytes_);
  data_ = std::move(other.data_);
  return *this;
}

std::shared_ptr<const Text> Text::share(Text text) {
  constexpr std::size_t kBox = sizeof(Text) + 32;  // with the counters and the allocator's own
  charge(kBox);
  text.held_.add(kBox);
  return std::make_shared<const Text>(std::move(text));
}

// Makes room for `more` bytes, which the caller writes.
void Text::grow(std::size_t more) {
  if (more > kMaxTextBytes || bytes_.size() + more > kMaxTextBytes) {
    fail("a string grows past {} bytes", kMaxTextBytes);
  }
  charge(more + kCallCost);
  const std::size_t needed = bytes_.size() + more;
  const std::size_t capacity = bytes_.capacity();
  if (needed <= capacity) return;
  const std::size_t wanted = bytes_.empty() ? needed : std::clamp(2 * capacity, needed, kMaxTextBytes);
  held_.add(wanted - capacity);
  bytes_.reserve(wanted);
}

void Text::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!data_.empty() && data_.back().end == begin) {
    data_.back().end = end;
    return;
  }
  charge(sizeof(Range));
  if (data_.size() == data_.capacity()) {
    const std::size_t more = std::max<std::size_t>(data_.capacity(), 1);
    held_.add(more * sizeof(Range));
    data_.reserve(data_.capacity() + more);
  }
  data_.push_back({begin, end});
}

bool Text::is_uniform() const {
  return data_.empty() || (data_.size() == 1 && data_[0].begin == 0 && data_[0].end == bytes_.size());
}

bool Text::is_data(std::size_t position) const {
  const auto range = std::upper_bound(data_.begin(), data_.end(), position,
                                      [](std::size_t at, const Range& r) { return at < r.end; });
  return range != data_.end() && range->begin <= position;
}

void Text::append(std::string_view bytes, bool data) {
  grow(bytes.size());
  const std::size_t begin = bytes_.size();
  bytes_.append(bytes);
  if (data) mark(begin, bytes_.size());
}

void Text::append(const Text& other) { append_slice(other, 0, other.size()); }

void Text::append_slice(const Text& other, std::size_t begin, std::size_t end) {
  grow(end - begin);
  const std::size_t base = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto range = std::upper_bound(other.data_.begin(), other.data_.end(), begin,
                                [](std::size_t at, const Range& r) { return at < r.end; });
  for (; range != other.data_.end() && range->begin < end; ++range) {
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
  }
}

void Text::append_code_point(char32_t c, bool data) {
  grow(4);
  const std::size_t begin = bytes_.size();
  append_utf8(bytes_, c);
  if (data) mark(begin, bytes_.size());
}

void Text::append_fill(std::size_t count, const Text& fill) {
  if (fill.empty() || count == 0) return;
  if (count > kMaxTextBytes / fill.size()) grow(kMaxTextBytes + 1);
  if (!fill.is_uniform()) {
    for (std::size_t i = 0; i < count; ++i) append(fill);
    return;
  }
  grow(count * fill.size());
  const std::size_t begin = bytes_.size();
  if (fill.size() == 1) {
    bytes_.append(count, fill.bytes_[0]);
  } else {
    for (std::size_t i = 0; i < count; ++i) bytes_.append(fill.bytes_);
  }
  if (fill.any_data()) mark(begin, bytes_.size());
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text part;
  part.append_slice(*this, begin, end);
  return part;
}

tokenizer::RenderedText Text::release() && { return {std::move(bytes_), std::move(data_)}; }

}  // namespace armorm::text::jinja
