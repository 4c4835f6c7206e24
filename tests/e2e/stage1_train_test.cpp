// stage1-train with each of its flags, compared with scikit-learn's fits, in one process and in several.
#include "stages/stage1_train.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/ridge/row_groups.h"

using namespace armorm;
using namespace armorm::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

io::SafetensorsFile golden_rows() {
  return io::SafetensorsFile::open(golden("stages/stage1_rows.safetensors"));
}

// Changes the tensor `name` [240, columns].
using Edit = std::function<void(const std::string& name, std::span<float> values)>;

// Rows [begin, end) of the golden rows as shard k of n, without the tensors named in `without`.
void write_shard(const fs::path& root, std::int64_t begin, std::int64_t end, int k, int n,
                 const std::vector<std::string>& without = {}, const Edit& edit = {}) {
  const io::SafetensorsFile all = golden_rows();
  io::Metadata metadata = all.metadata();
  metadata["shard_idx"] = std::to_string(k);
  metadata["n_shards"] = std::to_string(n);
  metadata["rows"] = std::to_string(end - begin);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : all.names()) {
    if (std::find(without.begin(), without.end(), name) != without.end()) continue;
    io::TensorView tensor = all.at(name);
    tensor.shape[0] = end - begin;
    specs.push_back({name, tensor.dtype, tensor.shape});
  }
  io::SafetensorsWriter writer(root / "embeddings/m" / fmt::format("d-{:05d}-of-{:05d}.safetensors", k, n),
                               specs, metadata);
  for (const io::TensorSpec& spec : specs) {
    const io::TensorView tensor = all.at(spec.name);
    std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
    if (edit && spec.dtype == DType::f32)
      edit(spec.name, {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)});
    const std::size_t row = bytes.size() / static_cast<std::size_t>(tensor.shape[0]);
    writer.append(std::span<const std::byte>(bytes).subspan(static_cast<std::size_t>(begin) * row,
                                                            static_cast<std::size_t>(end - begin) * row));
  }
  writer.publish();
}

void write_three_shards(const fs::path& root) {
  write_shard(root, 0, 70, 1, 3);
  write_shard(root, 70, 90, 2, 3);
  write_shard(root, 90, 240, 3, 3);
}

ProcessResult train(const fs::path& root, const std::vector<std::string>& more) {
  std::vector<std::string> flags{"--model_path", "org/m",       "--dataset_path",
                                 "org/d",        "--data_root", root.string()};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage1-train", flags);
}

ProcessResult must_train(const fs::path& root, const std::vector<std::string>& more) {
  ProcessResult result = train(root, more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

std::vector<std::string> blank_separated(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

fs::path weights(const fs::path& root, const char* extension) {
  return root / "regression_weights" / (std::string("m_d") + extension);
}

json report_of(const fs::path& root) { return json::parse(io::read_text_file(weights(root, ".json"))); }

// ||found - expected|| / ||expected||
double relative_error(std::span<const float> found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(found[i] - expected[i], 2);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

void check_weights(const fs::path& root, const json& expected) {
  const auto file = io::SafetensorsFile::open(weights(root, ".safetensors"));
  const auto found = file.at("weight", DType::f32, {3, 12}).as<float>();
  for (std::size_t k = 0; k < 3; ++k)
    CHECK(relative_error(found.subspan(12 * k, 12), expected["weight"][k].get<std::vector<double>>()) < 1e-6);
  const bool with_bias = expected["flags"].get<std::string>().find("--fit_intercept") != std::string::npos;
  REQUIRE(file.contains("bias") == with_bias);
  if (with_bias)
    CHECK(relative_error(file.at("bias", DType::f32, {3}).as<float>(),
                         expected["bias"].get<std::vector<double>>()) < 1e-6);
}

void check_report(const fs::path& root, const json& expected) {
  const json report = report_of(root);
  for (std::size_t k = 0; k < 3; ++k) {
    const json& found = report["attributes"][k];
    CHECK(found["best_alpha"].get<double>() == Approx(expected["alpha"][k].get<double>()).epsilon(1e-12));
    CHECK(found["validation_mse"].get<double>() == Approx(expected["mse"][k].get<double>()).epsilon(1e-8));
    CHECK(found["r_squared"].get<double>() == Approx(expected["r_squared"][k].get<double>()).epsilon(1e-7));
    CHECK(found["spearman"].get<double>() == Approx(expected["spearman"][k].get<double>()).epsilon(1e-9));
  }
}

// Computes the sums with one process per entry of `tasks`, then merges them; returns the bytes of the
// weights.
std::string merged_weights(const std::vector<std::string>& tasks, const std::vector<std::string>& flags) {
  const TempDir root;
  write_three_shards(root.path());
  const std::string folder = (root / "sums").string();
  for (const std::string& shards : tasks) {
    std::vector<std::string> more = flags;
    more.insert(more.end(), {"--partial", folder, "--shards", shards});
    must_train(root.path(), more);
    CHECK_FALSE(fs::exists(root / "regression_weights"));
  }
  std::vector<std::string> more = flags;
  more.insert(more.end(), {"--merge", folder});
  must_train(root.path(), more);
  return io::read_text_file(weights(root.path(), ".pt"));
}

struct Refusal {
  std::string name;
  std::vector<std::string> flags;
  int exit_code;
  std::vector<std::string> says;
};

void check_refusals(const fs::path& root, const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    INFO("case: " << refusal.name);
    const ProcessResult result = train(root, refusal.flags);
    INFO("stderr: " << result.err);
    CHECK(result.exit_code == refusal.exit_code);
    const std::size_t at = result.err.find("stage1-train: error: ");
    REQUIRE(at != std::string::npos);
    const std::string line = result.err.substr(at);
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    for (const std::string& piece : refusal.says) {
      INFO("must say: " << piece);
      CHECK(line.find(piece) != std::string::npos);
    }
    CHECK_FALSE(fs::exists(root / "regression_weights"));
  }
}

}  // namespace

TEST_CASE("stage1-train fits what scikit-learn fits, with every flag", "[golden][e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  const json cases = json::parse(io::read_text_file(golden("stages/stage1_fits.json")));
  REQUIRE(cases.size() > 10);
  for (const json& expected : cases) {
    INFO("flags: " << expected["flags"]);
    must_train(root.path(), blank_separated(expected["flags"]));
    check_weights(root.path(), expected);
    check_report(root.path(), expected);
  }
}

// Numbers may differ in late digits; everything else is equal.
void check_close(const json& a, const json& b) {
  if (a.is_number_float() && b.is_number_float()) {
    CHECK(a.get<double>() == Approx(b.get<double>()).epsilon(1e-9).margin(1e-9));
    return;
  }
  if (!a.is_structured()) {
    CHECK(a == b);
    return;
  }
  REQUIRE(a.type() == b.type());
  REQUIRE(a.size() == b.size());
  for (const auto& [key, value] : a.items())
    check_close(value, a.is_array() ? b.at(std::stoul(key)) : b.at(key));
}

TEST_CASE("the same rows in one shard and in three give figures that agree to nine digits", "[e2e]") {
  const TempDir one, three;
  write_shard(one.path(), 0, 240, 1, 1);
  write_three_shards(three.path());
  must_train(one.path(), {"--bootstrap", "50"});
  must_train(three.path(), {"--bootstrap", "50"});
  check_close(report_of(one.path()), report_of(three.path()));
}

TEST_CASE("sums of shards give the same bits for any number of processes", "[e2e]") {
  const std::vector<std::string> flags{"--cv",          "kfold",           "--split_by",      "prompt",
                                       "--standardize", "--fit_intercept", "--weight_column", "w"};
  const TempDir root;
  write_three_shards(root.path());
  must_train(root.path(), flags);
  const std::string together = io::read_text_file(weights(root.path(), ".pt"));
  CHECK(merged_weights({"1,2,3"}, flags) == together);
  CHECK(merged_weights({"3,2", "1"}, flags) == together);
  CHECK(merged_weights({"2", "3", "1"}, flags) == together);
}

TEST_CASE("merging also takes leave-one-out and the figures from the rows", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  must_train(root.path(), {"--cv", "loo"});
  const json together = report_of(root.path());
  const std::string folder = (root / "sums").string();
  must_train(root.path(), {"--partial", folder});
  must_train(root.path(),
             {"--cv", "loo", "--merge",
              folder + "/m_d-00002-of-00003.safetensors," + folder + "/m_d-00001-of-00003.safetensors," +
                  folder + "/m_d-00003-of-00003.safetensors"});
  CHECK(report_of(root.path()) == together);
}

TEST_CASE("sums that are missing, double or of another run are refused", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  const std::string sums = (root / "sums").string();
  const auto sum = [&](int k) { return fmt::format("{}/m_d-{:05d}-of-00003.safetensors", sums, k); };
  must_train(root.path(), {"--partial", sums});
  check_refusals(
      root.path(),
      {{"missing shards", {"--merge", sum(2)}, 3, {"2 of 3", "1, 3", "--shards 1,3"}},
       {"a shard twice", {"--merge", sum(1) + "," + sum(2) + "," + sum(1)}, 4, {"00001-of-00003", "once"}},
       {"another seed", {"--merge", sums, "--seed", "1"}, 4, {sums, "seed is '42'", "'1'", "--partial"}},
       {"another split", {"--merge", sums, "--split_by", "prompt"}, 4, {"split_by is 'row'", "'prompt'"}},
       {"folds where there are none",
        {"--merge", sums, "--cv", "kfold"},
        4,
        {"training_groups is '1'", "'5'"}},
       {"weights where there are none",
        {"--merge", sums, "--weight_column", "w"},
        4,
        {"weight_column is ''", "'w'"}},
       {"not sums",
        {"--merge", (root / "embeddings/m").string()},
        4,
        {"kind is 'labelled'", "ridge_sums", "--partial"}},
       {"no such file", {"--merge", sums + "/none.safetensors"}, 3, {"none.safetensors"}}});
  write_shard(root.path(), 71, 91, 2, 3);
  check_refusals(
      root.path(),
      {{"a shard made again", {"--merge", sums}, 4, {"00002-of-00003", "other rows", "--partial"}}});
}

TEST_CASE("sums that were changed after they were written are refused by name", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  const std::string sums = (root / "sums").string();
  must_train(root.path(), {"--partial", sums});
  const fs::path second = sums + "/m_d-00002-of-00003.safetensors";
  std::string bytes = io::read_text_file(second);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_text(second, bytes);
  check_refusals(root.path(),
                 {{"a flipped bit",
                   {"--merge", sums},
                   4,
                   {"00002-of-00003", "tensor \"moments.", "was changed after it was written"}}});
}

TEST_CASE("flags of stage1-train that cannot be run are usage errors", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  check_refusals(
      root.path(),
      {{"alpha of text", {"--alphas", "1,x"}, 2, {"--alphas", "x", "1e-4:1e4:9"}},
       {"no alphas", {"--alphas", ""}, 2, {"--alphas"}},
       {"grid upside down", {"--alphas", "10:1:3"}, 2, {"--alphas", "lo:hi:n"}},
       {"grid without a count", {"--alphas", "1:10"}, 2, {"--alphas", "lo:hi:n"}},
       {"unknown cv", {"--cv", "twice"}, 2, {"cv", "kfold"}},
       {"one fold", {"--cv", "kfold", "--n_folds", "1"}, 2, {"--n_folds", "2 to 254"}},
       {"more folds than rows", {"--cv", "kfold", "--n_folds", "250"}, 4, {"--n_folds", "192 rows"}},
       {"more folds than prompts",
        {"--cv", "kfold", "--n_folds", "100", "--split_by", "prompt"},
        4,
        {"--n_folds", "prompts to train on"}},
       {"unknown split", {"--split_by", "answer"}, 2, {"split_by", "prompt"}},
       {"weights of another column",
        {"--weight_column", "v"},
        4,
        {"'w'", "'v'", "stage1-prepare --weight_column v"}},
       {"negative bootstrap", {"--bootstrap", "-1"}, 2, {"--bootstrap"}},
       {"partial and merge", {"--partial", "a", "--merge", "b"}, 2, {"--partial", "--merge"}},
       {"shards without partial", {"--shards", "1"}, 2, {"--shards", "--partial"}},
       {"a shard twice", {"--partial", "a", "--shards", "1,1"}, 2, {"--shards", "twice"}},
       {"shard zero", {"--partial", "a", "--shards", "0"}, 2, {"--shards", "from 1"}},
       {"shard past the last", {"--partial", "a", "--shards", "4"}, 2, {"--shards", "1 to 3"}}});
}

TEST_CASE("files without prompt numbers cannot be split by prompt", "[e2e]") {
  const TempDir root;
  write_shard(root.path(), 0, 240, 1, 1, {"prompt_ids"});
  check_refusals(root.path(), {{"no prompts",
                                {"--split_by", "prompt"},
                                4,
                                {"00001-of-00001", "prompt_ids", "stage1-prepare", "--split_by row"}}});
  const ProcessResult result = must_train(root.path(), {"--bootstrap", "20"});
  CHECK(result.err.find("draws rows") != std::string::npos);
  CHECK(report_of(root.path())["bootstrap_unit"] == "row");
}

TEST_CASE("bootstrap intervals hold the estimate and do not depend on the threads", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  must_train(root.path(), {"--bootstrap", "200"});
  const json by_prompt = report_of(root.path());
  CHECK(by_prompt["bootstrap_unit"] == "prompt");
  for (const json& a : by_prompt["attributes"])
    for (const char* figure : {"r_squared", "spearman"}) {
      const json& interval = a[std::string(figure) + "_interval"];
      CHECK(interval[0].get<double>() < a[figure].get<double>());
      CHECK(interval[1].get<double>() > a[figure].get<double>());
    }
  must_train(root.path(), {"--bootstrap", "200", "--threads", "1"});
  CHECK(report_of(root.path()) == by_prompt);
}

TEST_CASE("a best alpha at the grid's edge is warned of, with the curve", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  const ProcessResult result = must_train(root.path(), {"--alphas", "100,1000"});
  const json first = report_of(root.path())["attributes"][0];
  CHECK(first["at_grid_edge"] == true);
  CHECK(result.err.find("attribute a: the best alpha, 100, is at the edge of the grid") != std::string::npos);
  CHECK(result.err.find(fmt::format("100: {:.6g}, 1000: {:.6g}", first["loss"][0].get<double>(),
                                    first["loss"][1].get<double>())) != std::string::npos);
}

TEST_CASE("the page beside the report needs nothing else", "[e2e]") {
  const TempDir root;
  write_three_shards(root.path());
  must_train(root.path(), {"--bootstrap", "20"});
  const std::string html = io::read_text_file(weights(root.path(), ".html"));
  for (const char* outside : {"http:", "https:", "<script", "<link", "src="})
    CHECK(html.find(outside) == std::string::npos);
  for (const char* part : {"m, d", "<svg", "Correlations", "Spearman"})
    CHECK(html.find(part) != std::string::npos);
}

TEST_CASE("fitted intercepts travel through stage2-train into the gate's file", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run(), dir / "root");
  const auto run = [&](const std::string& program, const std::vector<std::string>& more) {
    std::vector<std::string> flags = stage_flags(program, demo_dir(), dir / "root");
    flags.insert(flags.end(), more.begin(), more.end());
    const ProcessResult result = run_program(program, flags);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  };
  CHECK_FALSE(io::SafetensorsFile::open(dir / "root/gating_network_model.safetensors")
                  .contains("regression_layer.bias"));
  run("stage1-train", {"--fit_intercept"});
  run("stage2-train", {"--restart"});  // the gate there is of the other weights
  const auto fitted =
      io::SafetensorsFile::open(dir / "root/regression_weights/model_multi-objective.safetensors");
  const auto gate = io::SafetensorsFile::open(dir / "root/gating_network_model.safetensors");
  const auto bias = fitted.at("bias", DType::f32, {19}).as<float>();
  const auto kept = gate.at("regression_layer.bias", DType::f32, {19}).as<float>();
  CHECK(std::equal(bias.begin(), bias.end(), kept.begin()));
}

TEST_CASE("sample weights that are not used are warned of by name", "[e2e]") {
  const TempDir root;
  write_shard(root.path(), 0, 240, 1, 1);
  CHECK_THAT(must_train(root.path(), {}).err,
             Catch::Contains("column 'w', which are not used") && Catch::Contains("--weight_column w"));
  CHECK_THAT(must_train(root.path(), {"--weight_column", "w", "--restart"}).err,
             !Catch::Contains("not used"));
}

TEST_CASE("an attribute whose validation labels weigh nothing is fitted and warned of", "[e2e]") {
  const std::vector<linear::RowGroup> groups = stages::ridge::assign_groups(Stage1TrainOptions{}, 240, {});
  const TempDir root;
  write_shard(root.path(), 0, 240, 1, 1, {}, [&](const std::string& name, std::span<float> values) {
    for (std::size_t r = 0; name == "sample_weights" && r < values.size(); ++r)
      if (groups[r] == linear::kValidationRow) values[r] = 0.0F;
  });
  const ProcessResult holdout = must_train(root.path(), {"--weight_column", "w"});
  CHECK_THAT(holdout.err, Catch::Contains("weight 0 only; its alpha could not be chosen and is 1\n"));
  CHECK(report_of(root.path())["attributes"][0]["status"] == "validation labels of weight 0 only");
  for (const char* cv : {"kfold", "loo"}) {
    const ProcessResult result = must_train(root.path(), {"--weight_column", "w", "--cv", cv});
    CHECK_THAT(result.err, Catch::Contains("weight 0 only; its fit could not be measured") &&
                               !Catch::Contains("could not be chosen"));
  }
}

TEST_CASE("an alpha that k-fold cannot choose is warned of", "[e2e]") {
  const std::vector<linear::RowGroup> groups = stages::ridge::assign_groups(Stage1TrainOptions{}, 240, {});
  const TempDir root;
  write_shard(root.path(), 0, 240, 1, 1, {}, [&](const std::string& name, std::span<float> values) {
    if (name != "labels") return;
    int left = 1;  // remaining training labels of the first attribute
    for (std::size_t r = 0; r < 240; ++r)
      if (groups[r] == linear::kTrainRow && !std::isnan(values[3 * r]) && left-- <= 0) values[3 * r] = NAN;
  });
  const ProcessResult result = must_train(root.path(), {"--cv", "kfold"});
  CHECK_THAT(
      result.err,
      Catch::Contains("its training labels lie in one fold; its alpha could not be chosen and is 1\n"));
  CHECK_THAT(io::read_text_file(weights(root.path(), ".html")), Catch::Contains("alpha could not be chosen"));
}
