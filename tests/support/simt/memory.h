// The memory that kernels of block.h may access. An access is a Fault if it
//   - is not within one Memory;
//   - is not at a multiple of its size;
//   - reads what another thread of the same grid writes, or writes what another one reads or writes: no
//     kernel here orders such accesses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "support/simt/block.h"

namespace armorm::test::simt {

// Of exactly `bytes`, `offset` after a boundary of 256 bytes, as device memory is allocated.
class Memory {
 public:
  explicit Memory(std::size_t bytes, std::size_t offset = 0);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return accesses_.size(); }

 private:
  friend void check_access(const void*, std::size_t, bool, const Site&);
  friend void forget_accesses();
  struct Free {
    void operator()(std::byte* p) const;
  };
  struct Access {
    std::uint64_t reader = 0;  // thread_id(), or kSeveral
    std::uint64_t writer = 0;
  };
  bool holds(const std::byte* p) const { return p >= data_ && p < data_ + size(); }
  void note(std::size_t begin, std::size_t end, bool writes, const Site& site);

  std::unique_ptr<std::byte, Free> allocation_;
  std::byte* data_ = nullptr;
  std::vector<Access> accesses_;  // of each byte
};

void check_access(const void* address, std::size_t bytes, bool writes, const Site& site);
// Between grids, whose accesses are ordered.
void forget_accesses();

}  // namespace armorm::test::simt
