#include "core/phase.h"

#include <fmt/core.h>

#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/stop_point.h"
#include "core/units.h"

namespace armorm {
namespace {

constexpr auto kLogInterval = std::chrono::minutes(1);
constexpr double kPatienceSeconds = 3.0;  // a shorter step is not reported

}  // namespace

Phase::Phase(std::string what, std::int64_t total, std::string units)
    : what_(std::move(what)),
      units_(std::move(units)),
      total_(total),
      status_(kLogInterval),
      start_(StatusLine::Clock::now()) {}

Phase::~Phase() {
  if (!shown_) return;
  status_.finish(line());
  if (!log::draws_on_terminal()) log::info("{}: ended after {}", what_, duration_text(seconds()));
}

void Phase::advance(std::int64_t units) {
  done_ += units;
  report();
}

void Phase::advance_to(std::int64_t done) {
  done_ = done;
  report();
}

// A thread that finds another one at it has nothing to add.
void Phase::report() {
  stop_point();
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || seconds() < kPatienceSeconds || (shown_ && !status_.due())) return;
  shown_ = true;
  status_.show(line());
}

double Phase::seconds() const {
  return std::chrono::duration<double>(StatusLine::Clock::now() - start_).count();
}

std::string Phase::line() const {
  const double elapsed = seconds();
  const auto done = static_cast<double>(done_);
  const double rate = elapsed > 0 ? done / elapsed : 0.0;
  if (total_ <= 0) return fmt::format("{}: {} {}, {:.1f} {}/s", what_, done_.load(), units_, rate, units_);
  const auto total = static_cast<double>(total_);
  const double left = rate > 0 && done < total ? (total - done) / rate : 0.0;
  return fmt::format("{} {} {}/{} {}, {} left, {:.1f} {}/s", what_, bar_text(done / total), done_.load(),
                     total_, units_, duration_text(left), rate, units_);
}

}  // namespace armorm
