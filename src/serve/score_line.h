// The lines that the program score and the reward server write, and those that the server reads.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "armorm/choices.h"
#include "serve/protocol.h"

namespace armorm::serve {

// Which row a line belongs to.
struct LineRow {
  std::int64_t line = 0;  // in the input, from 1; written where there is no id
  std::string_view id;    // JSON text
  std::span<const std::pair<std::string, std::string>> copied = {};  // keys with their JSON texts
};

struct LineValues {
  float score = 0.0F;
  std::int64_t tokens = 0;
  std::span<const float> rewards;  // [K] each
  std::span<const float> gate;
  std::span<const float> contributions;
  std::span<const float> coefficients;
};

class ScoreLines {
 public:
  ScoreLines(const std::vector<std::string>& attributes, std::vector<ScoreField> fields);

  // Appends a line. Numbers are the shortest that read back as the same float32.
  void add(const LineRow& row, const LineValues& values, fmt::memory_buffer& out) const;
  void add(const LineRow& row, const ScoreOutput& output,
           fmt::memory_buffer& out) const;  // its error, or its values
  // Appends the values alone, as an object without a line feed.
  void add_object(const LineValues& values, fmt::memory_buffer& out) const;
  // Of a row without a score: its "error" in place of fields.
  // `is_server_fault` adds "error_type": "server_error".
  void add_bad(const LineRow& row, const std::string& reason, fmt::memory_buffer& out,
               bool is_server_fault = false) const;

 private:
  void add_fields(const LineValues& values, fmt::memory_buffer& out) const;  // each after a comma
  void add_vector(ScoreField field, std::span<const float> values, fmt::memory_buffer& out) const;
  std::vector<std::string> keys_;  // "\"name\":" of each attribute
  std::vector<ScoreField> fields_;
};

// A row of /v1/score as score reads it; a fault becomes its error.
ScoreInput parse_score_line(const std::string& text);

std::vector<ScoreField> all_score_fields();

}  // namespace armorm::serve
