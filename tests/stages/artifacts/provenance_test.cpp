// What an embedding file records of the sums of fp8 products, and which files are used together.
#include "stages/artifacts/provenance.h"

#include <fmt/core.h>

#include "io/safetensors.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/making_facts.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;
using Catch::Matchers::Contains;

namespace {

Provenance made_with(const std::string& precision, const std::string& accumulate) {
  Provenance p;
  p.kind = "preference";
  p.precision = precision;
  p.fp8_accumulate = accumulate;
  p.n_shards = 2;
  p.rows = 1;
  return p;
}

// As a version without --fp8_accumulate writes it.
io::Metadata without_accumulate(const std::string& precision) {
  io::Metadata metadata = made_with(precision, "exact").to_metadata();
  metadata.erase("fp8_accumulate");
  return metadata;
}

Provenance read(const io::Metadata& metadata) { return Provenance::from_metadata(metadata, "file"); }

EmbeddingSet open_shards(const io::Metadata& first, const io::Metadata& second) {
  const TempDir dir;
  for (int k = 1; k <= 2; ++k) {
    io::Metadata metadata = k == 1 ? first : second;
    metadata["shard_idx"] = std::to_string(k);
    io::SafetensorsWriter writer(dir / fmt::format("set-train-{:05d}-of-00002.safetensors", k),
                                 {{"embeddings", DType::bf16, {1, 2, 2}}}, metadata);
    writer.append(std::span<const BFloat16>(std::vector<BFloat16>(4)));
    writer.publish();
  }
  return EmbeddingSet::open(dir.path(), "set-train", "preference", "stage2-prepare");
}

}  // namespace

TEST_CASE("fp8 embeddings record their accumulation, and those that do not were summed exactly", "[unit]") {
  for (const char* accumulate : {"fast", "exact"}) {
    const io::Metadata metadata = made_with("fp8", accumulate).to_metadata();
    CHECK(metadata.at("fp8_accumulate") == accumulate);
    CHECK(read(metadata).fp8_accumulate == accumulate);
  }
  CHECK(read(without_accumulate("fp8")).fp8_accumulate == "exact");
  CHECK_FALSE(made_with("bf16", "").to_metadata().contains("fp8_accumulate"));
  CHECK(read(without_accumulate("bf16")).fp8_accumulate.empty());
}

TEST_CASE("shards that sum in different ways are no set", "[unit]") {
  const io::Metadata fast = made_with("fp8", "fast").to_metadata();
  const io::Metadata exact = made_with("fp8", "exact").to_metadata();
  CHECK(open_shards(fast, fast).rows() == 2);
  CHECK(open_shards(without_accumulate("fp8"), exact).rows() == 2);
  for (const io::Metadata& other : {exact, without_accumulate("fp8")})
    CHECK_THAT(error_of([&] { open_shards(fast, other); }, ErrorKind::data),
               Contains("fp8_accumulate is 'exact'") && Contains("has 'fast'"));
}

TEST_CASE("sets and weights of fp8 that sum in different ways differ in their precision", "[unit]") {
  const MakingFacts fast = making_facts(made_with("fp8", "fast"));
  const MakingFacts exact = making_facts(made_with("fp8", "exact"));
  CHECK(fast.at(MakingFact::precision) == "fp8 with fast accumulation");
  // As versions without the option record it.
  CHECK(exact.at(MakingFact::precision) == "fp8");
  CHECK(differences_of(making_facts(read(without_accumulate("fp8"))), exact).empty());
  const auto differences = differences_of(fast, exact);
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].fact == MakingFact::precision);
  CHECK(making_facts(made_with("bf16", "")).at(MakingFact::precision) == "bf16");
  const EmbeddingSet set =
      open_shards(made_with("fp8", "fast").to_metadata(), made_with("fp8", "fast").to_metadata());
  CHECK(set.inputs().at(kPrecisionInput) == "fp8 with fast accumulation");
}
