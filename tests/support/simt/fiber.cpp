#include "support/simt/fiber.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace armorm::test::simt {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;

}  // namespace

Fiber::Context Fiber::resumer_;
Fiber* Fiber::running_ = nullptr;

Fiber::Fiber() : stack_(std::make_unique_for_overwrite<std::byte[]>(kStackBytes)) {
  context_.stack = stack_.get();
  context_.stack_bytes = kStackBytes;
#if defined(__SANITIZE_THREAD__)
  context_.tsan_fiber = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(context_.tsan_fiber);
#endif
}

void Fiber::start(const std::function<void()>& body) {
  body_ = &body;
  context_.fake_stack = nullptr;
  getcontext(&context_.registers);
  context_.registers.uc_stack.ss_sp = stack_.get();
  context_.registers.uc_stack.ss_size = kStackBytes;
  context_.registers.uc_link = nullptr;
  makecontext(&context_.registers, &Fiber::enter, 0);
}

void Fiber::resume() {
  running_ = this;
#if defined(__SANITIZE_THREAD__)
  resumer_.tsan_fiber = __tsan_get_current_fiber();
#endif
  switch_to(resumer_, context_);
}

void Fiber::yield() { switch_to(running_->context_, resumer_); }

void Fiber::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &resumer_.stack, &resumer_.stack_bytes);
#endif
  (*running_->body_)();
  switch_to(running_->context_, resumer_, /*ends=*/true);
}

void Fiber::switch_to(Context& from, Context& to, [[maybe_unused]] bool ends) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
  swapcontext(&from.registers, &to.registers);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

}  // namespace armorm::test::simt
