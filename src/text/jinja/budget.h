// What one render may use: work, and memory that its values hold at the same time. Operations charge for what
// they do and values for what they hold, wherever they are made, so that no filter, method or operator can
// pass the limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace armorm::text::jinja {

// In units of the work of copying one byte, which are about a nanosecond or less.
constexpr std::uint64_t kCallCost = 16;      // an operation, however small
constexpr std::uint64_t kScanCost = 8;       // a character that is decoded and classified
constexpr std::uint64_t kFormatCost = 1024;  // a number that is formatted
constexpr std::uint64_t kDigitCost = 128;    // each of its decimals

class Budget {
 public:
  // Both fail when the render would pass its limit, before the work is done or the memory allocated.
  void charge(std::uint64_t work);
  void hold(std::size_t bytes);
  void release(std::size_t bytes) { held_ -= bytes; }

 private:
  std::uint64_t work_ = 0;
  std::size_t held_ = 0;
};

// Makes `budget` the one that this thread charges. Without one, as while a template is parsed, nothing is
// charged.
class BudgetScope {
 public:
  explicit BudgetScope(Budget& budget);
  ~BudgetScope();
  BudgetScope(const BudgetScope&) = delete;
  BudgetScope& operator=(const BudgetScope&) = delete;

 private:
  Budget* outer_;
};

// Charges the budget of the render that runs on this thread.
void charge(std::uint64_t work);

// Memory of one value, which is given back with it. A copy holds as much again.
class Held {
 public:
  Held() = default;
  explicit Held(std::size_t bytes);  // charges the work of filling it, too
  Held(const Held& other) : Held(other.bytes_) {}
  Held(Held&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Held& operator=(Held other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Held() {
    if (budget_ != nullptr) budget_->release(bytes_);
  }
  void add(std::size_t bytes);

 private:
  Budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace armorm::text::jinja
