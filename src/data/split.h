// The split grammar of `datasets` (ReadInstruction.from_spec): "train", "train[:10%]", "train[-100:]+test",
// "train[10%:20%](pct1_dropremainder)".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace armorm::data {

struct SplitSlice {
  std::string name;
  std::optional<std::int64_t> from;  // rows, or per cent; negative bounds count from the end
  std::optional<std::int64_t> to;
  bool percent = false;
  bool drop_remainder =
      false;  // a per cent is floor(rows / 100) rows, else the bound is rounded half to even

  bool is_complete() const { return !from && !to; }
};

struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;  // at least begin
};

// nullopt when `text` is not of the grammar. data error when it is, but `datasets` refuses the values;
// `where` begins the message.
std::optional<std::vector<SplitSlice>> parse_split(const std::string& text, const std::string& where);

// The rows of a slice of a split that has `rows` rows. data error where `datasets` refuses it: per cents that
// drop the remainder of fewer than 100 rows, and a slice that begins after its end.
RowRange rows_of(const SplitSlice& slice, std::int64_t rows, const std::string& where);

}  // namespace armorm::data
