// A CPU allocator that refuses large tensors, like a full device or a full host.
#pragma once

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

namespace armorm::test {

class SmallMemory : public at::Allocator {
 public:
  enum class Kind { device, host };  // LibTorch has an exception for each

  explicit SmallMemory(std::size_t largest, Kind kind = Kind::device)
      : largest_(largest), kind_(kind), before_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(this);
  }
  ~SmallMemory() override { c10::SetCPUAllocator(before_); }
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;

  at::DataPtr allocate(std::size_t bytes) override {
    if (kind_ == Kind::device)
      TORCH_CHECK_WITH(OutOfMemoryError, bytes <= largest_, "tensor of ", bytes, " bytes");
    TORCH_CHECK(bytes <= largest_, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ",
                bytes, " bytes.");
    return before_->allocate(bytes);
  }
  at::DeleterFnPtr raw_deleter() const override { return before_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  std::size_t largest_;
  Kind kind_;
  at::Allocator* before_;
};

}  // namespace armorm::test
