#include "core/numpy_random.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/hash.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace armorm {
namespace {

using nlohmann::json;

json records(const char* name) {
  std::ifstream file(test::golden("core/numpy_random.json"));
  REQUIRE(file);
  json found = json::parse(file).at(name);
  REQUIRE_FALSE(found.empty());
  return found;
}

std::string digest(const std::vector<std::int64_t>& values) {
  return sha256_hex(
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t)));
}

void check(const std::vector<std::int64_t>& values, const json& expected) {
  CAPTURE(expected.dump());
  REQUIRE(values.size() == expected.at("n").get<std::size_t>());
  if (expected.contains("values")) CHECK(values == expected.at("values").get<std::vector<std::int64_t>>());
  CHECK(digest(values) == expected.at("sha256").get<std::string>());
}

std::uint64_t seed_of(const json& record) { return std::stoull(record.at("seed").get<std::string>()); }

using test::error_of;

TEST_CASE("PCG64 permutations are numpy's", "[golden]") {
  for (const json& record : records("pcg64")) {
    check(pcg64_permutation(seed_of(record), record.at("n").get<std::int64_t>()), record);
  }
}

TEST_CASE("PCG64 permutations are the order of datasets.Dataset.shuffle", "[golden]") {
  for (const json& record : records("dataset_shuffle")) {
    check(pcg64_permutation(seed_of(record), record.at("n").get<std::int64_t>()), record);
  }
}

TEST_CASE("MT19937 permutations are numpy's", "[golden]") {
  for (const json& record : records("mt19937")) {
    const auto seed = static_cast<std::uint32_t>(seed_of(record));
    check(mt19937_permutation(seed, record.at("n").get<std::int64_t>()), record);
  }
}

TEST_CASE("train_test_split is scikit-learn's", "[golden]") {
  for (const json& record : records("split")) {
    const auto split =
        train_test_split(record.at("n").get<std::int64_t>(), record.at("test_size").get<double>(),
                         record.at("seed").get<std::uint32_t>());
    check(split.train, record.at("train"));
    check(split.validation, record.at("validation"));
  }
}

TEST_CASE("group_train_test_split is scikit-learn's GroupShuffleSplit", "[golden]") {
  for (const json& record : records("group_split")) {
    const auto groups = record.at("groups").get<std::vector<std::int64_t>>();
    const Split split = group_train_test_split(groups, record.at("test_size").get<double>(),
                                               record.at("seed").get<std::uint32_t>());
    check(split.train, record.at("train"));
    check(split.validation, record.at("validation"));
  }
}

TEST_CASE("kfold_assignment is scikit-learn's shuffled KFold", "[golden]") {
  for (const json& record : records("kfold")) {
    check(kfold_assignment(record.at("folds").at("n").get<std::int64_t>(),
                           record.at("n_folds").get<std::int64_t>(), record.at("seed").get<std::uint32_t>()),
          record.at("folds"));
  }
}

TEST_CASE("shard_range is datasets' contiguous shard", "[golden]") {
  for (const json& record : records("shards")) {
    const auto n = record.at("n").get<std::int64_t>();
    const auto n_shards = record.at("n_shards").get<std::int64_t>();
    CAPTURE(record.dump());
    for (std::int64_t i = 0; i < n_shards; ++i) {
      const ShardRange range = shard_range(n, n_shards, i);
      const json& expected = record.at("ranges").at(static_cast<std::size_t>(i));
      if (expected.is_null()) {
        CHECK(range.begin == range.end);
      } else {
        CHECK(range.begin == expected.at(0).get<std::int64_t>());
        CHECK(range.end == expected.at(1).get<std::int64_t>());
      }
    }
  }
}

TEST_CASE("shards follow one another up to the largest row counts", "[unit]") {
  const std::int64_t n = std::numeric_limits<std::int64_t>::max();
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    const ShardRange range = shard_range(n, 10, i);
    CHECK(range.begin == next);
    next = range.end;
  }
  CHECK(next == n);
}

TEST_CASE("splits and shards that cannot be made are named", "[unit]") {
  CHECK_THAT(error_of([] { train_test_split(1, 0.2, 42); }, ErrorKind::data),
             Catch::Contains("1 rows") && Catch::Contains("at least 2 are"));
  CHECK_THAT(error_of([] { train_test_split(0, 0.2, 42); }, ErrorKind::data), Catch::Contains("0 rows"));
  CHECK_THAT(error_of([] { train_test_split(3, 0.9, 42); }, ErrorKind::data),
             Catch::Contains("at least 10 are"));
  for (const double size : {0.0, 1.0, -0.5, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THAT(error_of([=] { train_test_split(10, size, 42); }, ErrorKind::usage),
               Catch::Contains("test_size"));
  }
  CHECK_THAT(
      error_of([] { group_train_test_split(std::vector<std::int64_t>(9, 5), 0.2, 42); }, ErrorKind::data),
      Catch::Contains("1 rows"));
  CHECK_THAT(error_of([] { kfold_assignment(5, 6, 0); }, ErrorKind::usage),
             Catch::Contains("6 folds of 5 rows"));
  CHECK_THAT(error_of([] { kfold_assignment(5, 1, 0); }, ErrorKind::usage), Catch::Contains("1 folds"));
  CHECK_THAT(error_of([] { shard_range(10, 0, 0); }, ErrorKind::usage), Catch::Contains("n_shards is 0"));
  CHECK_THAT(error_of([] { shard_range(10, 4, 4); }, ErrorKind::usage), Catch::Contains("index is 4"));
  CHECK_THAT(error_of([] { shard_range(10, 4, -1); }, ErrorKind::usage), Catch::Contains("index is -1"));
  CHECK_THAT(error_of([] { pcg64_permutation(0, -1); }, ErrorKind::usage), Catch::Contains("n is -1"));
}

}  // namespace
}  // namespace armorm
