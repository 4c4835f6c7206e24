#include "core/progress.h"

#include <fmt/core.h>

#include "core/units.h"

namespace armorm {
namespace {

constexpr auto kLogInterval = std::chrono::minutes(1);

}  // namespace

Progress::Progress(std::string what, std::int64_t total_rows)
    : what_(std::move(what)), total_(total_rows), status_(kLogInterval), start_(StatusLine::Clock::now()) {}

Progress::~Progress() { status_.finish(line()); }

void Progress::advance(std::int64_t rows, std::int64_t tokens) {
  rows_ += rows;
  tokens_ += tokens;
  if (status_.due()) status_.show(line());
}

std::string Progress::line() const {
  const double elapsed = std::chrono::duration<double>(StatusLine::Clock::now() - start_).count();
  const double fraction = total_ > 0 ? static_cast<double>(rows_) / static_cast<double>(total_) : 1.0;
  const double rate = elapsed > 0 ? static_cast<double>(rows_) / elapsed : 0.0;
  const double left = rate > 0 ? static_cast<double>(total_ - rows_) / rate : 0.0;
  // What matters comes first: a narrow terminal cuts the end.
  std::string text = fmt::format("{} {} {}/{} rows, {} left, {:.1f} rows/s", what_, bar_text(fraction), rows_,
                                 total_, duration_text(left), rate);
  if (tokens_ > 0 && elapsed > 0)
    text += fmt::format(", {:.0f} tok/s", static_cast<double>(tokens_) / elapsed);
  return text;
}

}  // namespace armorm
