// Guards that restore what a statement changed in the evaluator, also when it throws.
#pragma once

#include <memory>
#include <utility>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {

class Evaluator::Depth {
 public:
  explicit Depth(Evaluator& evaluator) : evaluator_(evaluator) {
    if (++evaluator_.steps_ > kMaxSteps) fail("the template takes more than {} steps", kMaxSteps);
    if (evaluator_.depth_ >= kMaxEvalDepth)
      fail("calls and expressions are nested deeper than {}", kMaxEvalDepth);
    ++evaluator_.depth_;
  }
  ~Depth() { --evaluator_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Evaluator& evaluator_;
};

class Evaluator::ScopeGuard {
 public:
  ScopeGuard(Evaluator& evaluator, Scope* parent) : evaluator_(evaluator), outer_(evaluator.scope_) {
    evaluator_.scope_ = evaluator_.new_scope(parent);
  }
  ~ScopeGuard() {
    evaluator_.release_scope(evaluator_.scope_);
    evaluator_.scope_ = outer_;
  }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Evaluator& evaluator_;
  Scope* outer_;
};

// Redirects the output.
class OutputGuard {
 public:
  OutputGuard(Text*& out, Text& elsewhere) : out_(out), outer_(std::exchange(out, &elsewhere)) {}
  ~OutputGuard() { out_ = outer_; }
  OutputGuard(const OutputGuard&) = delete;
  OutputGuard& operator=(const OutputGuard&) = delete;

 private:
  Text*& out_;
  Text* outer_;
};

class LoopGuard {
 public:
  explicit LoopGuard(std::shared_ptr<Loop> loop) : loop_(std::move(loop)) {}
  ~LoopGuard() { loop_->last_changed.reset(); }  // it may hold the loop itself
  LoopGuard(const LoopGuard&) = delete;
  LoopGuard& operator=(const LoopGuard&) = delete;

 private:
  std::shared_ptr<Loop> loop_;
};

}  // namespace armorm::text::jinja
