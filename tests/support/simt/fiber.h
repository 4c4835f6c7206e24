// A function with a stack of its own, which runs until it yields and is resumed there.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace armorm::test::simt {

class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // For the next resume(), also if an earlier function has not ended. `body` outlives the fiber's last
  // resume() and throws nothing.
  void start(const std::function<void()>& body);
  // Until the function yields or ends.
  void resume();
  // Called by the function: resume() returns.
  static void yield();

 private:
  struct Context {
    ucontext_t registers{};
    // For the sanitizers, which follow stacks.
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;
    void* tsan_fiber = nullptr;
  };
  static void enter();
  static void switch_to(Context& from, Context& to, bool ends = false);

  static Context resumer_;
  static Fiber* running_;
  Context context_;
  std::unique_ptr<std::byte[]> stack_;
  const std::function<void()>* body_ = nullptr;
};

}  // namespace armorm::test::simt
