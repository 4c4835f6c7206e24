// Which accumulation a shard of fp8 gets, from its options, its set and its own earlier run.
#include "stages/prepare/shard_accumulate.h"

#include "core/options.h"
#include "core/words.h"
#include "io/publish.h"
#include "io/safetensors.h"
#include "stages/artifacts/provenance.h"
#include "stages/options/declarations.h"
#include "stages/prepare/cpu_extraction.h"
#include "stages/prepare/shard_key.h"
#include "stages/resume/durable_rows.h"
#include "stages/resume/journal.h"
#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages;
using namespace armorm::stages::prepare;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

// A set of two shards, of which this one is the second.
struct Set {
  TempDir dir;
  fs::path first = dir / "set-00001-of-00002.safetensors";
  fs::path own = dir / "set-00002-of-00002.safetensors";

  // "" = as a version without the option writes it.
  static void publish(const fs::path& shard, const std::string& accumulate,
                      const std::string& precision = "fp8", bool batch_invariant = false) {
    artifacts::Provenance p;
    p.precision = precision;
    p.batch_invariant = batch_invariant;
    p.fp8_accumulate = accumulate;
    io::SafetensorsWriter writer(shard, {{"embeddings", DType::bf16, {1, 1}}}, p.to_metadata());
    writer.append(std::span<const BFloat16>(std::vector<BFloat16>(1)));
    writer.publish();
  }

  static void begin(const fs::path& shard, const std::string& accumulate) {
    resume::ResumeKey key{{"--precision", "fp8"}, {"--batch_invariant", "false"}};
    if (!accumulate.empty()) key["--fp8_accumulate"] = accumulate;
    const resume::Journal journal(io::posix_file_system(), resume::journal_path(shard), key);
  }

  // On a GPU only as a dry run, which asks no device.
  ExtractionOptions options(std::int64_t device, Fp8Accumulate accumulate = Fp8Accumulate::auto_) const {
    ExtractionOptions o = cpu_extraction("model", dir.path());
    o.precision = Precision::fp8;
    o.fp8_accumulate = accumulate;
    o.device = device;
    o.dry_run = device >= 0;
    o.n_shards = 2;
    o.shard_idx = 2;
    return o;
  }

  std::string choose(ExtractionOptions o) const {
    choose_accumulate(own, o);
    return std::string(name_of(o.fp8_accumulate));
  }
  std::string refused(ExtractionOptions o) const {
    return error_of([&] { choose_accumulate(own, o); }, ErrorKind::usage);
  }
};

}  // namespace

TEST_CASE("auto sums fast on a GPU and exactly on the CPU, and only fp8 has a choice", "[unit]") {
  const Set set;
  CHECK(set.choose(set.options(0)) == "fast");
  CHECK(set.choose(set.options(-1)) == "exact");
  CHECK(set.choose(set.options(0, Fp8Accumulate::exact)) == "exact");
  ExtractionOptions bf16 = set.options(0);
  bf16.precision = Precision::bf16;
  CHECK(set.choose(bf16) == "auto");
}

TEST_CASE("auto sums as the other shards of its set", "[unit]") {
  for (const char* accumulate : {"exact", ""}) {
    const Set set;
    Set::publish(set.first, accumulate);
    CHECK(set.choose(set.options(0)) == "exact");
    ExtractionOptions anew = set.options(0);
    anew.restart = true;
    CHECK(set.choose(anew) == "exact");
  }
  for (const char* accumulate : {"exact", ""}) {
    const Set begun;
    Set::begin(begun.first, accumulate);
    CHECK(begun.choose(begun.options(0)) == "exact");
  }
  const Set fast;
  Set::publish(fast.first, "fast");
  CHECK(fast.choose(fast.options(0)) == "fast");
}

TEST_CASE("shards of another set say nothing of the accumulation", "[unit]") {
  const Set set;
  Set::publish(set.first, "", "bf16");
  CHECK(set.choose(set.options(0)) == "fast");
  Set::publish(set.first, "exact", "fp8", /*batch_invariant=*/true);
  CHECK(set.choose(set.options(0)) == "fast");
  io::publish_text(set.first, "damaged");
  std::vector<std::string> lines;
  {
    const LogCapture capture(lines);
    CHECK(set.choose(set.options(0)) == "fast");
  }
  CHECK_THAT(lines.front(), Contains(set.first.string()) && Contains("is not compared"));
}

TEST_CASE("a shard that would not sum as its set is refused", "[unit]") {
  const Set set;
  Set::publish(set.first, "fast");
  CHECK_THAT(set.refused(set.options(-1)),
             Contains("--fp8_accumulate: " + set.first.string() + " was made with fast") &&
                 Contains("device -1 lacks"));
  CHECK_THAT(set.refused(set.options(0, Fp8Accumulate::exact)),
             Contains("was made with fast, this shard would be with exact") && Contains("--restart"));
  const ExtractionOptions begun_since = set.options(0, Fp8Accumulate::exact);
  CHECK_THAT(error_of([&] { check_same_accumulate(set.own, begun_since); }, ErrorKind::usage),
             Contains("was made with fast, this shard would be with exact"));
  std::vector<std::string> lines;
  const LogCapture capture(lines);
  ExtractionOptions anew = set.options(0, Fp8Accumulate::exact);
  anew.restart = true;
  CHECK(set.choose(anew) == "exact");
  CHECK_THAT(lines.front(), Contains("all shards of a set need the same"));
}

TEST_CASE("auto continues a shard as it was begun, where the device can", "[unit]") {
  const Set set;
  Set::begin(set.own, "exact");
  CHECK(set.choose(set.options(0)) == "exact");
  const Set fast;
  Set::begin(fast.own, "fast");
  CHECK(fast.choose(fast.options(0)) == "fast");
  CHECK(fast.choose(fast.options(-1)) == "exact");
  const Set both;
  Set::begin(both.own, "exact");
  Set::publish(both.first, "fast");
  CHECK_THAT(both.refused(both.options(0)), Contains("this shard would be with exact"));
}

TEST_CASE("the accumulation is of the resume key of fp8 alone", "[unit]") {
  artifacts::Provenance provenance;
  provenance.facts.weights = "w";
  const auto key_of = [&](Precision precision, Fp8Accumulate accumulate) {
    Stage1PrepareOptions fields;
    fields.extraction.precision = precision;
    fields.extraction.fp8_accumulate = accumulate;
    return make_resume_key(options::describe(fields), fields.extraction, provenance, "c");
  };
  CHECK(key_of(Precision::fp8, Fp8Accumulate::fast).at("--fp8_accumulate") == "fast");
  CHECK(key_of(Precision::fp8, Fp8Accumulate::exact).at("--fp8_accumulate") == "exact");
  CHECK_FALSE(key_of(Precision::bf16, Fp8Accumulate::auto_).contains("--fp8_accumulate"));
}
