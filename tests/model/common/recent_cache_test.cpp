#include "model/common/recent_cache.h"

#include <stdexcept>
#include <string>

#include "support/test_support.h"

namespace armorm::model {
namespace {

struct Cache {
  RecentCache<int, std::string> values{2};
  int made = 0;

  std::string get(int key) {
    return values.get(key, [&] {
      ++made;
      return std::to_string(key);
    });
  }
};

}  // namespace

TEST_CASE("a value is made once while it is kept", "[unit]") {
  Cache cache;
  CHECK(cache.get(1) == "1");
  CHECK(cache.get(1) == "1");
  CHECK(cache.made == 1);
}

TEST_CASE("the value that was unused for longest makes way", "[unit]") {
  Cache cache;
  cache.get(1);
  cache.get(2);
  cache.get(1);
  cache.get(3);  // 2 goes
  CHECK(cache.values.size() == 2);
  cache.get(1);
  cache.get(3);
  CHECK(cache.made == 3);
  cache.get(2);
  CHECK(cache.made == 4);
}

TEST_CASE("a value that cannot be made is not kept", "[unit]") {
  Cache cache;
  CHECK_THROWS_AS(cache.values.get(1, []() -> std::string { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(cache.values.size() == 0);
  CHECK(cache.get(1) == "1");
}

TEST_CASE("a kept value can be replaced", "[unit]") {
  Cache cache;
  cache.get(1);
  cache.values.get(1, [] { return ""; }) = "other";
  CHECK(cache.get(1) == "other");
}

}  // namespace armorm::model
