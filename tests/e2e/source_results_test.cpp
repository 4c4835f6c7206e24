// Results of stage2-train by source of the pairs.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "e2e/demo_fixture.h"
#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const std::vector<std::string> kTensors{"embeddings", "prompt_embeddings", "row_ids", "prompt_ids",
                                        "lengths"};

fs::path pairs_file(const fs::path& root, const std::string& name) {
  return root / "embeddings" / "model" / (name + ".safetensors");
}

// The bytes of these rows of a tensor.
std::string rows_of(const io::TensorView& tensor, const std::vector<std::int64_t>& rows) {
  const std::size_t width = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape[0]);
  std::string bytes;
  for (const std::int64_t row : rows)
    bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()) + static_cast<std::size_t>(row) * width,
                 width);
  return bytes;
}

// Writes the pairs `rows` of the set at `from` to `to`; with `ids` they have those sources.
void write_pairs(const fs::path& from, const fs::path& to, const std::string& dataset,
                 const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& ids = {},
                 const std::string& names = "") {
  const io::SafetensorsFile file = io::SafetensorsFile::open(from);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : kTensors) {
    std::vector<std::int64_t> shape = file.at(name).shape;
    shape[0] = std::ssize(rows);
    specs.push_back({name, file.at(name).dtype, shape});
  }
  if (!ids.empty()) specs.push_back({"source_ids", DType::i64, {std::ssize(ids)}});
  io::Metadata metadata = file.metadata();
  metadata["dataset"] = dataset;
  metadata["rows"] = std::to_string(rows.size());
  metadata.erase("sources");
  if (!ids.empty()) metadata["sources"] = names;
  io::SafetensorsWriter writer(to, specs, io::with_reserved_digests(metadata, specs));
  for (const std::string& name : kTensors) {
    const std::string bytes = rows_of(file.at(name), rows);
    writer.write_at(name, 0, std::as_bytes(std::span(bytes)));
  }
  if (!ids.empty()) writer.write_at("source_ids", 0, std::as_bytes(std::span(ids)));
  writer.publish();
}

std::vector<std::int64_t> first_rows(std::int64_t n) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// A copy of the demo's run with further preference sets: the 100 reference pairs as "mixed", with the sources
// "third" (row % 3 = 0, 34 pairs) and "rest", and the pairs of each source as a set of that name. Other sets
// have no sources.
class Sources {
 public:
  Sources() {
    copy_tree(demo_run() / "embeddings", root_ / "embeddings");
    copy_tree(demo_run() / "regression_weights", root_ / "regression_weights");
    const fs::path reference = pairs_file(demo_run(), "reference-train");
    std::vector<std::int64_t> ids;
    for (const std::int64_t row : first_rows(100)) {
      ids.push_back(row % 3 == 0 ? 1 : 0);
      of_source_[row % 3 == 0 ? "third" : "rest"].push_back(row);
    }
    write_pairs(reference, file("mixed-train"), "mixed", first_rows(100), ids, R"(["rest","third"])");
    for (const auto& [name, rows] : of_source_) write_pairs(reference, file(name + "-train"), name, rows);
    write_pairs(reference, file("reference-train"), "reference", first_rows(100));
    write_pairs(pairs_file(demo_run(), "preference-train"), file("preference-train"), "preference",
                first_rows(200));
  }
  fs::path file(const std::string& name) const { return pairs_file(root_.path(), name); }

  // Sources of the training pairs.
  void give_training_pairs(const std::vector<std::int64_t>& ids, const std::string& names) const {
    write_pairs(pairs_file(demo_run(), "preference-train"), file("preference-train"), "preference",
                first_rows(std::ssize(ids)), ids, names);
  }
  ProcessResult train(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root_.path());
    flags.insert(flags.end(), {"--threads", "1", "--restart"});
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program("stage2-train", flags);
  }
  json report() const { return json::parse(io::read_text_file(root_ / "gating_network_model.json")); }
  std::string page() const { return io::read_text_file(root_ / "gating_network_model.html"); }

 private:
  TempDir root_;
  std::map<std::string, std::vector<std::int64_t>> of_source_;
};

const json& named(const json& list, const std::string& key, const std::string& name) {
  for (const json& entry : list)
    if (entry.at(key) == name) return entry;
  throw std::runtime_error("no " + name);
}

// A source of a set has the figures that a set of its pairs alone has.
void check_like_alone(const json& report, const json& source) {
  const std::string name = source["name"];
  const json& alone = named(report["eval"], "name", name);
  CHECK(source["pairs"] == alone["pairs"]);
  for (std::size_t s = 0; s < alone["scorers"].size(); ++s) {
    const json& part = source["scorers"][s];
    const json& expected = alone["scorers"][s];
    CHECK(part["name"] == expected["name"]);
    CHECK(part["accuracy"].get<double>() == Approx(expected["accuracy"].get<double>()));
    CHECK(part["low"].get<double>() == Approx(expected["low"].get<double>()));
    CHECK(part["high"].get<double>() == Approx(expected["high"].get<double>()));
    CHECK(part["loss"].get<double>() == Approx(expected["loss"].get<double>()).epsilon(1e-5));
    json length_bias;
    for (const json& entry : report["length_bias"])
      if (entry["set"] == name && entry["name"] == part["name"]) length_bias = entry;
    REQUIRE(length_bias.is_object());
    for (const char* group : {"chosen_longer", "chosen_shorter", "equal"})
      CHECK(part["length_bias"][group]["n"] == length_bias[group]["n"]);
    CHECK(part["length_bias"]["gap"].get<double>() == Approx(length_bias["gap"].get<double>()));
    CHECK(part["length_bias"]["margin_correlation"].get<double>() ==
          Approx(length_bias["margin_correlation"].get<double>()).margin(1e-3));
  }
}

// The mean weights of a set over its kinds.
std::vector<double> mean_weights(const json& by_kind) {
  std::vector<double> sum(by_kind["kinds"][0]["weights"].size(), 0.0);
  double n = 0.0;
  for (const json& kind : by_kind["kinds"]) {
    if (kind["n"] == 0) continue;
    n += kind["n"].get<double>();
    for (std::size_t k = 0; k < sum.size(); ++k)
      sum[k] += kind["n"].get<double>() * kind["weights"][k].get<double>();
  }
  for (double& weight : sum) weight /= n;
  return sum;
}

json weights_of(const json& report, const std::string& set, const std::string& by) {
  for (const json& entry : report["gate_by_kind"])
    if (entry["set"] == set && entry["by"] == by) return entry;
  throw std::runtime_error("no weights of " + set + " by " + by);
}

}  // namespace

TEST_CASE("a source of an evaluation set has the figures of its pairs alone", "[e2e]") {
  const Sources sources;
  const ProcessResult result = sources.train({"--eval", "mixed", "--eval", "third", "--eval", "rest"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const json report = sources.report();
  REQUIRE(report["by_source"].size() == 1);
  const json& mixed = report["by_source"][0];
  CHECK(mixed["set"] == "mixed");
  REQUIRE(mixed["sources"].size() == 2);
  CHECK(mixed["sources"][0]["name"] == "rest");  // 66 pairs
  CHECK(mixed["sources"][1]["name"] == "third");
  for (const json& source : mixed["sources"]) check_like_alone(report, source);
  const json by_source = weights_of(report, "mixed", "source");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string name = by_source["kinds"][i]["name"];
    CHECK(name == mixed["sources"][i]["name"]);
    const std::vector<double> alone = mean_weights(weights_of(report, name, "largest attribute"));
    for (std::size_t k = 0; k < alone.size(); ++k)
      CHECK(by_source["kinds"][i]["weights"][k].get<double>() == Approx(alone[k]).margin(1e-5));
  }
  CHECK_THAT(result.out, Contains("mixed by source\nsource  pairs  accuracy") &&
                             Contains("length bias of the gate, mixed by source") &&
                             Contains("gate's weight, mixed by source") && !Contains("validation by source"));
}

TEST_CASE("sources of the training pairs change nothing but add the validation pairs by source", "[e2e]") {
  const Sources sources;
  REQUIRE(sources.train().exit_code == 0);
  json without = sources.report();
  CHECK_FALSE(without.contains("by_source"));
  CHECK_THAT(sources.page(), !Contains("by-source-part"));
  // 200 pairs: three of four rows have a source of their own.
  std::vector<std::int64_t> ids;
  json names = json::array({"<b>most & 'all'</b>"});
  for (std::int64_t row = 0; row < 200; ++row) {
    ids.push_back(row % 4 == 0 ? 0 : std::ssize(names));
    if (row % 4 != 0) names.push_back("of row " + std::to_string(row));
  }
  sources.give_training_pairs(ids, names.dump());
  const ProcessResult result = sources.train();
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  json with = sources.report();
  const json by_source = with["by_source"];
  REQUIRE(by_source.size() == 1);
  CHECK(by_source[0]["set"] == "validation");
  CHECK(by_source[0]["sources"].size() == 151);
  std::map<std::string, std::int64_t> correct;
  std::map<std::string, double> loss;
  std::int64_t pairs = 0;
  for (const json& source : by_source[0]["sources"]) {
    pairs += source["pairs"].get<std::int64_t>();
    for (const json& scorer : source["scorers"]) {
      correct[scorer["name"]] += scorer["correct"].get<std::int64_t>();
      if (source["pairs"] == 0) CHECK((scorer["accuracy"].is_null() && scorer["loss"].is_null()));
      if (source["pairs"] != 0)
        loss[scorer["name"]] += source["pairs"].get<double>() * scorer["loss"].get<double>();
    }
  }
  CHECK(pairs == 40);
  for (const json& scorer : with["validation"]) {
    const std::string name = scorer["name"];
    CHECK(static_cast<double>(correct[name]) / 40 == Approx(scorer["accuracy"].get<double>()));
    CHECK(loss[name] / 40 == Approx(scorer["loss"].get<double>()));
  }
  const std::vector<double> mean = mean_weights(weights_of(with, "validation", "source"));
  for (std::size_t k = 0; k < mean.size(); ++k)
    CHECK(mean[k] == Approx(with["gate_usage"]["attributes"][k]["mean_weight"].get<double>()).margin(1e-6));
  CHECK_THAT(result.out, Contains("validation by source") && Contains("\nother (131 sources) "));
  CHECK_THAT(sources.page(),
             Contains("by-source-part") && Contains("&lt;b&gt;most &amp; &#39;all&#39;&lt;/b&gt;"));

  // The same gate, with the same figures for all pairs.
  with.erase("by_source");
  for (json* report : {&with, &without})
    for (const char* changed : {"sources", "outputs", "options"}) report->erase(changed);
  std::erase_if(with["gate_by_kind"].get_ref<json::array_t&>(),
                [](const json& entry) { return entry["by"] == "source"; });
  CHECK(with == without);
}

TEST_CASE("a file whose source ids are not among its names is named", "[e2e]") {
  const Sources sources;
  sources.give_training_pairs(std::vector<std::int64_t>(200, 2), R"(["a","b"])");
  const ProcessResult result = sources.train();
  CHECK(result.exit_code == 4);
  CHECK_THAT(result.err,
             Contains("preference-train.safetensors") && Contains("source_ids holds 2, but 2 sources"));
}
