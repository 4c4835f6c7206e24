// The normalizers of tokenizer.json, which track the bytes that came from the data.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer/json_view.h"

namespace armorm::text::tokenizer {

struct TrackedText {
  std::string text;
  // Per byte of text: 1 if it came from the data. Empty if none did.
  std::vector<std::uint8_t> from_data;
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(TrackedText& text) const = 0;
  // Null for a null field; data error that names an unsupported type.
  static std::unique_ptr<Normalizer> read(const JsonView& view);
};

}  // namespace armorm::text::tokenizer
