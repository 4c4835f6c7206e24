#include "text/jinja/budget.h"

#include "text/jinja/failure.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {
namespace {

// Of one render. Values are compared, copied and destroyed by operators, which take no further argument.

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): set by a scope, for its thread
constinit thread_local Budget* current = nullptr;

}  // namespace

void Budget::charge(std::uint64_t work) {
  work_ += work;
  if (work_ > kMaxWork) fail("the template moves more than {} bytes", kMaxWork);
}

void Budget::hold(std::size_t bytes) {
  if (bytes > kMaxHeldBytes || held_ > kMaxHeldBytes - bytes)
    fail("the values of the template hold more than {} bytes", kMaxHeldBytes);
  held_ += bytes;
}

BudgetScope::BudgetScope(Budget& budget) : outer_(std::exchange(current, &budget)) {}
BudgetScope::~BudgetScope() { current = outer_; }

void charge(std::uint64_t work) {
  if (current != nullptr) current->charge(work);
}

Held::Held(std::size_t bytes) {
  charge(bytes);
  add(bytes);
}

void Held::add(std::size_t bytes) {
  if (budget_ == nullptr) budget_ = current;
  if (budget_ == nullptr) return;
  budget_->hold(bytes);
  bytes_ += bytes;
}

}  // namespace armorm::text::jinja
