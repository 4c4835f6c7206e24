// Inputs with one entry added or changed, compared with the reference software (tests/mutations/README.md).
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "io/line_reader.h"
#include "mutations/mutation.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Json = nlohmann::json;

namespace {

using Counts = std::map<std::string, std::array<int, kVerdicts>>;

// `visit` gets each case with its outcome and verdict. Returns the counts of verdicts, per reader.
template <class Visit>
Counts judge_all(const std::filesystem::path& path, const Visit& visit) {
  io::LineReader file(path);
  Counts counts;
  for (std::string line; file.next(line);) {
    const Json mutation = Json::parse(line);
    const Outcome outcome = outcome_of(mutation);
    const Verdict verdict = judge(mutation, outcome);
    ++counts[mutation.at("reader")][static_cast<std::size_t>(verdict)];
    visit(mutation, outcome, verdict);
  }
  return counts;
}

void report(const Counts& counts, std::ostream& out) {
  for (const auto& [reader, numbers] : counts) {
    out << reader << ":";
    for (int i = 0; i < kVerdicts; ++i)
      out << " " << numbers[static_cast<std::size_t>(i)] << " " << name_of(static_cast<Verdict>(i));
    out << "\n";
  }
}

void check_short_run(const std::string& name) {
  judge_all(golden("mutations") / (name + ".jsonl.gz"),
            [&](const Json& mutation, const Outcome& outcome, Verdict verdict) {
              CAPTURE(name, mutation.dump(), outcome.value.dump(), outcome.error, outcome.log);
              CHECK_FALSE(is_fault(verdict));
            });
}

}  // namespace

TEST_CASE("an entry of a row in JSON is not passed over", "[golden]") { check_short_run("json_rows"); }
TEST_CASE("an entry of config.json is not passed over", "[golden]") { check_short_run("config"); }

TEST_CASE("an entry of a data set's folder is not passed over", "[golden]") { check_short_run("folders"); }
TEST_CASE("an entry of a safetensors file is not passed over", "[golden]") { check_short_run("tensors"); }
TEST_CASE("an entry of a table of rows is not passed over", "[golden]") { check_short_run("tables"); }
TEST_CASE("an entry of an index of shards is not passed over", "[golden]") { check_short_run("shards"); }
TEST_CASE("an entry of a tokenizer's files is not passed over", "[golden]") { check_short_run("tokenizer"); }

// Driven by scripts/mutate/mutate.py, for as many cases as one wishes.
TEST_CASE("the mutations of a file are judged", "[.mutations]") {
  const char* cases = std::getenv("ARMORM_MUTATIONS");
  const char* judged = std::getenv("ARMORM_MUTATIONS_JUDGED");
  REQUIRE((cases != nullptr && judged != nullptr));
  std::ofstream out(judged);
  const Counts counts = judge_all(cases, [&](const Json& mutation, const Outcome& outcome, Verdict verdict) {
    if (verdict <= Verdict::refused) return;
    Json line = mutation;
    line["verdict"] = name_of(verdict);
    line["ours"] = {{"value", outcome.value}, {"error", outcome.error}, {"log", outcome.log}};
    out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  });
  report(counts, std::cout);
}
