#include "support/simt/block.h"

#include <fmt/core.h>

#include <deque>
#include <string_view>

#include "support/simt/fiber.h"
#include "support/simt/memory.h"

namespace armorm::test::simt {

Extent threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr unsigned kWarp = 32;
constexpr std::uint64_t kMaxThreads = 1024;
constexpr unsigned kMaxGridX = 0x7fffffffU;
constexpr unsigned kMaxGridYZ = 65535;

enum class State { ready, at_barrier, in_shuffle, ended };

struct Thread {
  Fiber fiber;
  std::function<void()> body;
  Extent index;
  State state = State::ended;
  Site site;                // of the barrier or shuffle
  std::uint32_t mask = 0;   // of the shuffle
  std::uint32_t value = 0;  // given to the shuffle, then its result
  int lane_mask = 0;
};

Order current_order = Order::ascending;

unsigned ordered(unsigned i, unsigned count) { return current_order == Order::ascending ? i : count - 1 - i; }

bool same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && std::string_view(a.file_name()) == b.file_name();
}

class Block {
 public:
  Block(unsigned count, const std::function<void()>& kernel);
  void run();
  unsigned current() const { return current_; }
  void wait_at_barrier(const Site& site);
  std::uint32_t shuffle_xor(std::uint32_t mask, std::uint32_t value, int lane_mask, const Site& site);

 private:
  Thread& thread(unsigned i) const;
  void call(const std::function<void()>& kernel);
  bool run_warp(unsigned first);
  bool run_ready(unsigned i);
  bool release_barrier();
  void wait(State state, const Site& site);
  bool all_in_shuffle(unsigned first, std::uint32_t mask, const Site& site) const;
  void finish_shuffle(unsigned first, std::uint32_t mask) const;
  [[noreturn]] void fail_stuck() const;

  unsigned count_;
  unsigned current_ = 0;
  std::exception_ptr fault_;
};

Block* running = nullptr;

// Their stacks serve all blocks.
std::deque<Thread>& threads() {
  static std::deque<Thread> all;
  return all;
}

Block::Block(unsigned count, const std::function<void()>& kernel) : count_(count) {
  while (threads().size() < count) threads().emplace_back();
  for (unsigned i = 0; i < count; ++i) {
    Thread& t = thread(i);
    t.index = Extent(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
    t.state = State::ready;
    t.body = [this, &kernel] { call(kernel); };
    t.fiber.start(t.body);
  }
}

Thread& Block::thread(unsigned i) const { return threads()[i]; }

void Block::call(const std::function<void()>& kernel) {
  try {
    kernel();
  } catch (...) {
    fault_ = std::current_exception();
  }
  thread(current_).state = State::ended;
}

void Block::run() {
  const unsigned warps = (count_ + kWarp - 1) / kWarp;
  for (bool progress = true; progress;) {
    progress = false;
    for (unsigned w = 0; w < warps; ++w)
      if (run_warp(ordered(w, warps) * kWarp)) progress = true;
    if (release_barrier()) progress = true;
  }
  for (unsigned i = 0; i < count_; ++i)
    if (thread(i).state != State::ended) fail_stuck();
}

// Until no lane can run on. Whether any did.
bool Block::run_warp(unsigned first) {
  const unsigned lanes = std::min(kWarp, count_ - first);
  bool ran = false;
  for (bool progress = true; progress;) {
    progress = false;
    for (unsigned lane = 0; lane < lanes; ++lane)
      if (run_ready(first + ordered(lane, lanes))) ran = progress = true;
  }
  return ran;
}

bool Block::run_ready(unsigned i) {
  Thread& t = thread(i);
  if (t.state != State::ready) return false;
  current_ = i;
  threadIdx = t.index;
  t.fiber.resume();
  if (fault_) std::rethrow_exception(fault_);
  return true;
}

bool Block::release_barrier() {
  for (unsigned i = 0; i < count_; ++i)
    if (thread(i).state != State::at_barrier) return false;
  for (unsigned i = 0; i < count_; ++i) {
    if (!same(thread(i).site, thread(0).site))
      throw Fault(fmt::format("threads wait at two barriers, {} and {}", name_of(thread(0).site),
                              name_of(thread(i).site)));
    thread(i).state = State::ready;
  }
  return true;
}

void Block::wait(State state, const Site& site) {
  thread(current_).state = state;
  thread(current_).site = site;
}

void Block::wait_at_barrier(const Site& site) {
  wait(State::at_barrier, site);
  Fiber::yield();
}

std::uint32_t Block::shuffle_xor(std::uint32_t mask, std::uint32_t value, int lane_mask, const Site& site) {
  const unsigned me = current_;
  const unsigned first = me / kWarp * kWarp;
  const unsigned lanes = std::min(kWarp, count_ - first);
  if ((mask >> (me - first) & 1U) == 0 || (lanes < kWarp && mask >> lanes != 0))
    throw Fault(
        fmt::format("{}: the mask {:#x} of a shuffle leaves out its caller, lane {}, or names lanes "
                    "that the warp of {} has not",
                    name_of(site), mask, me - first, lanes));
  Thread& t = thread(me);
  t.mask = mask;
  t.value = value;
  t.lane_mask = lane_mask;
  wait(State::in_shuffle, site);
  if (all_in_shuffle(first, mask, site))
    finish_shuffle(first, mask);
  else
    Fiber::yield();
  return t.value;
}

bool Block::all_in_shuffle(unsigned first, std::uint32_t mask, const Site& site) const {
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((mask >> lane & 1U) == 0) continue;
    const Thread& t = thread(first + lane);
    if (t.state != State::in_shuffle) return false;
    if (t.mask != mask || !same(t.site, site))
      throw Fault(fmt::format("lanes of a warp are in two shuffles, {} with mask {:#x} and {} with {:#x}",
                              name_of(site), mask, name_of(t.site), t.mask));
  }
  return true;
}

void Block::finish_shuffle(unsigned first, std::uint32_t mask) const {
  std::uint32_t given[kWarp] = {};
  for (unsigned lane = 0; lane < kWarp; ++lane)
    if ((mask >> lane & 1U) != 0) given[lane] = thread(first + lane).value;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((mask >> lane & 1U) == 0) continue;
    Thread& t = thread(first + lane);
    const unsigned source = lane ^ static_cast<unsigned>(t.lane_mask);
    if (source >= kWarp || (mask >> source & 1U) == 0)
      throw Fault(fmt::format("{}: lane {} of a shuffle reads lane {}, which its mask {:#x} leaves out",
                              name_of(t.site), lane, source, mask));
    t.value = given[source];
    t.state = State::ready;
  }
}

void Block::fail_stuck() const {
  unsigned ended = 0;
  unsigned at_barrier = 0;
  Site site;
  for (unsigned i = 0; i < count_; ++i) {
    if (thread(i).state == State::ended) ++ended;
    if (thread(i).state == State::at_barrier) ++at_barrier;
    if (thread(i).state != State::ended) site = thread(i).site;
  }
  throw Fault(
      fmt::format("{}: threads wait for others that never come: of {}, {} ended, {} are at a barrier, {} "
                  "in a shuffle",
                  name_of(site), count_, ended, at_barrier, count_ - ended - at_barrier));
}

void check_limits(const Extent& grid, const Extent& block) {
  const bool fits = grid.count() > 0 && grid.x <= kMaxGridX && grid.y <= kMaxGridYZ && grid.z <= kMaxGridYZ &&
                    block.count() > 0 && block.count() <= kMaxThreads && block.z <= 64;
  if (!fits)
    throw Fault(fmt::format("no device starts a grid of {} x {} x {} blocks of {} x {} x {} threads", grid.x,
                            grid.y, grid.z, block.x, block.y, block.z));
}

// Also after a fault.
struct RunningBlock {
  explicit RunningBlock(Block& block) { running = &block; }
  RunningBlock(const RunningBlock&) = delete;
  RunningBlock& operator=(const RunningBlock&) = delete;
  ~RunningBlock() { running = nullptr; }
};

}  // namespace

void use_order(Order order) { current_order = order; }

void run_grid(Extent grid, Extent block, const std::function<void()>& thread) {
  check_limits(grid, block);
  forget_accesses();
  gridDim = grid;
  blockDim = block;
  for (std::uint64_t b = 0; b < grid.count(); ++b) {
    blockIdx = Extent(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                      static_cast<unsigned>(b / grid.x / grid.y));
    Block one(static_cast<unsigned>(block.count()), thread);
    const RunningBlock guard(one);
    one.run();
  }
}

void wait_at_barrier(const Site& site) { running->wait_at_barrier(site); }

std::uint32_t shuffle_xor(std::uint32_t mask, std::uint32_t value, int lane_mask, const Site& site) {
  return running->shuffle_xor(mask, value, lane_mask, site);
}

std::uint64_t thread_id() {
  if (running == nullptr) return 0;
  const std::uint64_t block = (std::uint64_t{blockIdx.z} * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  return 1 + block * blockDim.count() + running->current();
}

std::string name_of(const Site& site) {
  const std::string_view path = site.file_name();
  return fmt::format("{}:{}", path.substr(path.rfind('/') + 1), site.line());
}

}  // namespace armorm::test::simt
