#include "model/pass_lanes.h"

#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "support/test_support.h"

using namespace armorm::model;

namespace {

struct Job {
  int number = 0;
  int result = 0;
};

// Lanes whose passes take different times, and a source of `count` passes.
struct Fixture {
  explicit Fixture(std::size_t lanes) : computed(lanes) {}

  PassLane<Job> lane(std::size_t index) {
    return {"lane " + std::to_string(index),
            [this, index](Job& job) {
              if (const auto found = failures.find({index, job.number}); found != failures.end())
                throw found->second;
              std::this_thread::sleep_for(std::chrono::microseconds(50 * ((job.number * 7 + index) % 5)));
            },
            [this, index](Job& job) {
              job.result = job.number * job.number;
              ++computed[index];
            }};
  }
  std::vector<PassLane<Job>> lanes() {
    std::vector<PassLane<Job>> all;
    for (std::size_t i = 0; i < computed.size(); ++i) all.push_back(lane(i));
    return all;
  }
  PassLanes<Job>::Next next() {
    return [this]() -> std::shared_ptr<Job> {
      if (planned == count) return nullptr;
      return std::make_shared<Job>(Job{planned++, -1});
    };
  }
  PassLanes<Job>::HandOver hand_over() {
    return [this](Job& job) {
      CHECK(job.result == job.number * job.number);
      delivered.push_back(job.number);
      return std::ssize(delivered) < stop_after;
    };
  }

  std::vector<std::atomic<int>> computed;
  std::map<std::pair<std::size_t, int>, std::runtime_error> failures;
  int count = 200;
  int planned = 0;
  std::ptrdiff_t stop_after = 1'000'000;
  std::vector<int> delivered;
};

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("passes of several lanes are handed over in order, each once", "[unit]") {
  for (const std::size_t lanes : {1U, 2U, 5U}) {
    Fixture fixture(lanes);
    CHECK_FALSE(PassLanes<Job>(fixture.lanes()).run(fixture.next(), fixture.hand_over()));
    CHECK(fixture.delivered == numbers(200));
    int all = 0;
    for (const auto& computed : fixture.computed) all += computed;
    CHECK(all == 200);
  }
}

TEST_CASE("no pass and one pass end", "[unit]") {
  for (const int count : {0, 1}) {
    Fixture fixture(3);
    fixture.count = count;
    CHECK_FALSE(PassLanes<Job>(fixture.lanes()).run(fixture.next(), fixture.hand_over()));
    CHECK(fixture.delivered == numbers(count));
  }
}

TEST_CASE("a run of several lanes ends when it is asked to", "[unit]") {
  Fixture fixture(3);
  fixture.stop_after = 17;
  CHECK_FALSE(PassLanes<Job>(fixture.lanes()).run(fixture.next(), fixture.hand_over()));
  CHECK(fixture.delivered == numbers(17));
  CHECK(fixture.planned < 17 + 4 * 3 + 3);
}

TEST_CASE("a failed pass comes back with the one before it, and nothing after it is handed over", "[unit]") {
  for (const int failing : {0, 1, 50, 199}) {
    Fixture fixture(2);
    for (const std::size_t lane : {0U, 1U})
      fixture.failures.emplace(std::pair(lane, failing), std::runtime_error("lost"));
    const auto failed = PassLanes<Job>(fixture.lanes()).run(fixture.next(), fixture.hand_over());
    REQUIRE(failed);
    CHECK(failed->pass->number == failing);
    CHECK_THROWS_WITH(std::rethrow_exception(failed->error), "lost");
    CHECK((failed->before != nullptr) == (failing > 0));
    if (failed->before) {
      CHECK(failed->before->number == failing - 1);
      CHECK(failed->before->result == (failing - 1) * (failing - 1));
    }
    CHECK(fixture.delivered == numbers(std::max(failing - 1, 0)));
  }
}

TEST_CASE("the lane that failed is named", "[unit]") {
  Fixture fixture(3);
  for (int number = 0; number < 200; ++number)
    fixture.failures.emplace(std::pair(1U, number), std::runtime_error("off"));
  const auto failed = PassLanes<Job>(fixture.lanes()).run(fixture.next(), fixture.hand_over());
  REQUIRE(failed);
  CHECK(failed->lane == 1);
}

TEST_CASE("exceptions of planning and of handing over end a run of several lanes", "[unit]") {
  Fixture fixture(2);
  const auto broken = [&]() -> std::shared_ptr<Job> {
    if (fixture.planned == 9) throw std::runtime_error("no plan");
    return std::make_shared<Job>(Job{fixture.planned++, -1});
  };
  CHECK_THROWS_WITH(PassLanes<Job>(fixture.lanes()).run(broken, fixture.hand_over()), "no plan");
  CHECK(fixture.delivered == numbers(9));
  Fixture other(2);
  CHECK_THROWS_WITH(PassLanes<Job>(other.lanes())
                        .run(other.next(), [](Job&) -> bool { throw std::runtime_error("disk full"); }),
                    "disk full");
}
