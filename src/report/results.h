// The results of a program on standard output: tables for people, or one JSON document for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "report/text_style.h"

namespace armorm::report {

class Results {
 public:
  explicit Results(bool as_json = false) : as_json_(as_json), style_(output_style()) {}

  const TextStyle& style() const noexcept { return style_; }
  void show(std::string_view text) const;               // nothing if as_json
  void document(const nlohmann::json& document) const;  // nothing unless as_json

 private:
  bool as_json_;
  TextStyle style_;
};

// Control characters are escaped in JSON's own way.
void print_json(const nlohmann::json& document);

}  // namespace armorm::report
