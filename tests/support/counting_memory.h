// Memory that counts what is taken from it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory_resource>

namespace armorm::test {

class CountingMemory final : public std::pmr::memory_resource {
 public:
  std::size_t in_use() const { return in_use_; }
  std::size_t most() const { return most_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::size_t now = in_use_ += bytes;
    for (std::size_t most = most_; now > most && !most_.compare_exchange_weak(most, now);) continue;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override {
    in_use_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(address, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::atomic<std::size_t> in_use_ = 0, most_ = 0;
};

}  // namespace armorm::test
