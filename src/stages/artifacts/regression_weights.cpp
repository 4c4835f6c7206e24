#include "stages/artifacts/regression_weights.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/version.h"
#include "io/content_digests.h"
#include "io/safetensors.h"
#include "model/pt/pt_file.h"

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReportDigest = "report_sha256";

std::vector<std::string> attribute_names(const io::Metadata& metadata, const std::string& origin) {
  const auto found = metadata.find("attributes");
  const nlohmann::json names =
      nlohmann::json::parse(found == metadata.end() ? "" : found->second, nullptr, false);
  if (!names.is_array() ||
      !std::all_of(names.begin(), names.end(), [](const auto& n) { return n.is_string(); }))
    fail_data("{}: metadata 'attributes' is not a list of names; run stage1-train again", origin);
  return names.get<std::vector<std::string>>();
}

void verify(const io::SafetensorsFile& file) {
  if (!io::has_content_digests(file.metadata())) return;  // of an earlier version
  try {
    io::verify_content(file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::data) fail_data("{}; run stage1-train again", error.what());
    throw;
  }
}

RegressionWeights load_safetensors(const fs::path& path) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  verify(file);
  const io::TensorView tensor = file.at("weight", DType::f32, {-1, -1});
  RegressionWeights weights;
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  weights.model = text("model");
  weights.dataset = text("dataset");
  weights.facts = ModelFacts::from_metadata(file.metadata());
  weights.inputs = parse_inputs(text(kInputsField));
  weights.report_sha256 = text(kReportDigest);
  if (!weights.facts.all_known())
    log::info(
        "{}: does not record all of the weights, template date and treatment of special tokens behind it; "
        "unknown facts are not compared",
        path.string());
  weights.attributes = attribute_names(file.metadata(), path.string());
  weights.hidden_size = tensor.shape[1];
  const auto values = tensor.as<float>();
  weights.weight.assign(values.begin(), values.end());
  if (static_cast<std::int64_t>(weights.attributes.size()) != tensor.shape[0])
    fail_data("{}: 'weight' has {} rows, but {} attributes are named; run stage1-train again", path.string(),
              tensor.shape[0], weights.attributes.size());
  if (file.contains("bias")) {
    const auto bias = file.at("bias", DType::f32, {tensor.shape[0]}).as<float>();
    weights.bias.assign(bias.begin(), bias.end());
  }
  return weights;
}

RegressionWeights load_pt(const fs::path& path) {
  const model::pt::PtTensors tensors = model::pt::load_pt_file(path);
  const model::pt::PtTensor* found = model::pt::find_tensor(tensors, "weight");
  if (found == nullptr || found->shape.size() != 2 || found->shape[1] < 1)
    fail_data("{}: holds no matrix 'weight' [K, D]; run stage1-train again", path.string());
  RegressionWeights weights;
  weights.hidden_size = found->shape[1];
  weights.weight = found->values;
  if (const model::pt::PtTensor* bias = model::pt::find_tensor(tensors, "bias")) {
    if (bias->shape != std::vector<std::int64_t>{found->shape[0]})
      fail_data("{}: 'bias' is not of one number for each of the {} rows of 'weight'; run stage1-train again",
                path.string(), found->shape[0]);
    weights.bias = bias->values;
  }
  log::warn(
      "{}: has no .safetensors file next to it (written by the Python scripts?); its attributes have no "
      "names",
      path.string());
  return weights;
}

// A Python script that fits again replaces only the .pt.
void check_same(const RegressionWeights& weights, const fs::path& twin, const fs::path& pt) {
  const model::pt::PtTensors tensors = model::pt::load_pt_file(pt);
  const model::pt::PtTensor* weight = model::pt::find_tensor(tensors, "weight");
  const model::pt::PtTensor* bias = model::pt::find_tensor(tensors, "bias");
  if (weight == nullptr || weight->values != weights.weight ||
      (bias == nullptr ? std::vector<float>() : bias->values) != weights.bias)
    fail_data(
        "{}: holds other weights than {} next to it; delete the one that is out of date, or run stage1-train "
        "again",
        pt.string(), twin.filename().string());
}

}  // namespace

std::string RegressionWeights::digest() const {
  Sha256 digest;
  for (const std::vector<float>* values : {&weight, &bias}) digest.update(std::as_bytes(std::span(*values)));
  return digest.hex();
}

void RegressionWeights::save(const fs::path& stem, io::FileSystem& files) const {
  const std::vector<std::int64_t> shape{n_attributes(), hidden_size};
  model::pt::PtTensors tensors{{"weight", {shape, weight}}};
  if (!bias.empty()) tensors.emplace_back("bias", model::pt::PtTensor{{n_attributes()}, bias});
  std::vector<io::TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, DType::f32, tensor.shape});
  io::Metadata metadata{{"format", "pt"},
                        {"armorm_format_version", "1"},
                        {"armorm_version", kVersion},
                        {"kind", "regression_weights"},
                        {"model", model},
                        {"dataset", dataset},
                        {"attributes", nlohmann::json(attributes).dump()}};
  facts.add_to(metadata);
  if (!inputs.empty()) metadata[kInputsField] = text_of(inputs);
  if (!report_sha256.empty()) metadata[kReportDigest] = report_sha256;
  io::SafetensorsWriter writer(stem.string() + ".safetensors", specs,
                               io::with_reserved_digests(metadata, specs), files);
  for (const auto& [name, tensor] : tensors) writer.append(std::span<const float>(tensor.values));
  writer.publish();
  model::pt::save_pt_file(stem.string() + ".pt", tensors, files);
}

RegressionWeights RegressionWeights::load(const fs::path& stem) {
  const fs::path twin = stem.string() + ".safetensors";
  const fs::path pt = stem.string() + ".pt";
  const bool has_twin = fs::exists(twin), has_pt = fs::exists(pt);
  if (!has_twin && !has_pt)
    fail_io("{}: no such file; run stage1-train first, with the same --data_root, model and data set",
            pt.string());
  RegressionWeights weights = has_twin ? load_safetensors(twin) : load_pt(pt);
  if (has_twin && has_pt) check_same(weights, twin, pt);
  weights.file = has_twin ? twin : pt;
  return weights;
}

}  // namespace armorm::stages::artifacts
