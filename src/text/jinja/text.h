// A string that records which of its bytes came from the data.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/budget.h"
#include "text/tokenizer/rendered_text.h"

namespace armorm::text::jinja {

class Text {
 public:
  using Range = tokenizer::RenderedText::Range;

  Text() = default;
  Text(const Text& other);
  Text(Text&&) noexcept = default;
  Text& operator=(Text other) noexcept;
  ~Text() = default;
  static Text trusted(std::string_view bytes);
  static Text from_data(std::string_view bytes);
  // The text of a value.
  static std::shared_ptr<const Text> share(Text text);

  const std::string& bytes() const { return bytes_; }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool is_data(std::size_t position) const;
  const std::vector<Range>& data_ranges() const { return data_; }

  // All of these charge their work, and throw when the text would exceed kMaxTextBytes.
  void append(std::string_view bytes, bool data);
  void append(const Text& other);
  void append_slice(const Text& other, std::size_t begin, std::size_t end);
  void append_code_point(char32_t c, bool data);
  void append_fill(std::size_t count, const Text& fill);

  Text slice(std::size_t begin, std::size_t end) const;
  // Marks everything as data if any byte is data: for transformations without a byte-wise mapping.
  bool any_data() const { return !data_.empty(); }

  tokenizer::RenderedText release() &&;

 private:
  void grow(std::size_t more);
  void mark(std::size_t begin, std::size_t end);
  bool is_uniform() const;  // all of it from the data, or nothing

  Held held_;
  std::string bytes_;
  std::vector<Range> data_;  // sorted, disjoint, non-adjacent, non-empty
};

}  // namespace armorm::text::jinja
