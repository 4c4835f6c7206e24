#include "stages/gate/pair_sources.h"

#include <fmt/core.h>

#include <optional>

#include "io/safetensors.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::gate;
using Catch::Contains;

namespace {

struct Shard {
  std::int64_t pairs = 2;
  std::vector<std::int64_t> ids = {};
  std::optional<std::string> names = {};  // the metadata's text
};

stages::artifacts::EmbeddingSet set_of(const test::TempDir& dir, const std::vector<Shard>& shards) {
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const Shard& shard = shards[s];
    std::vector<io::TensorSpec> tensors{{"embeddings", DType::bf16, {shard.pairs, 2, 1}}};
    if (!shard.ids.empty()) tensors.push_back({"source_ids", DType::i64, {std::ssize(shard.ids)}});
    io::Metadata metadata;
    if (shard.names) metadata["sources"] = *shard.names;
    io::SafetensorsWriter writer(dir / fmt::format("pairs-{:05}-of-{:05}.safetensors", s + 1, shards.size()),
                                 tensors, metadata);
    writer.append(
        std::span<const BFloat16>(std::vector<BFloat16>(static_cast<std::size_t>(2 * shard.pairs))));
    if (!shard.ids.empty()) writer.append(std::span<const std::int64_t>(shard.ids));
    writer.publish();
  }
  return stages::artifacts::EmbeddingSet::open(dir.path(), "pairs", "preference", "stage2-prepare");
}

PairSources read(const std::vector<Shard>& shards) {
  const test::TempDir dir;
  return read_sources(set_of(dir, shards));
}

}  // namespace

TEST_CASE("sources of shards are merged by name, whatever their order there", "[unit]") {
  const PairSources sources = read({{2, {1, 0}, R"(["hh","shp"])"}, {3, {0, 2, 1}, R"(["shp","new","hh"])"}});
  CHECK(sources.names == std::vector<std::string>{"hh", "shp", "new"});
  CHECK(sources.index_of == std::vector<std::int32_t>{1, 0, 1, 0, 2});
}

TEST_CASE("a set without source ids has no sources", "[unit]") {
  const PairSources sources = read({{2, {}, {}}, {1, {}, R"(["named, but without ids"])"}});
  CHECK(sources.names.empty());
  CHECK(sources.index_of.empty());
}

TEST_CASE("sources that do not fit the pairs are data errors that name the file", "[unit]") {
  const std::string names = R"(["a","b"])";
  const std::string second = "pairs-00002-of-00002.safetensors";
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0, 2}, names}}),
                    Contains(second) && Contains("source_ids holds 2, but 2 sources are named"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {-1, 0}, names}}),
                    Contains(second) && Contains("source_ids holds -1"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0}, names}}), Contains(second) && Contains("source_ids"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0, 1}, {}}}), Contains(second) && Contains("'sources'"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0, 1}, R"({"a":1})"}}),
                    Contains(second) && Contains("list of names"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0, 1}, R"(["a",2])"}}),
                    Contains(second) && Contains("list of names"));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {0, 1}, "a,b"}}), Contains(second));
  CHECK_THROWS_WITH(read({{2, {0, 1}, names}, {2, {}, {}}}),
                    Contains("only 1 of 2 shards have source_ids") && Contains("stage2-prepare"));
}

TEST_CASE("groups by source are ordered by pairs, then by name, and empty ones stay", "[unit]") {
  const PairSources sources{{"z", "none", "large", "a"}, {2, 0, 2, 3, 2, 1}};
  const std::vector<std::int64_t> rows{4, 3, 1, 0};
  const std::vector<SourceGroup> groups = group_by_source(sources, rows);
  REQUIRE(groups.size() == 4);
  CHECK(groups[0].name == "large");
  CHECK(groups[0].members == std::vector<std::size_t>{0, 3});
  CHECK(groups[1].name == "a");
  CHECK(groups[1].members == std::vector<std::size_t>{1});
  CHECK(groups[2].name == "z");
  CHECK(groups[2].members == std::vector<std::size_t>{2});
  CHECK(groups[3].name == "none");
  CHECK(groups[3].members.empty());
}
