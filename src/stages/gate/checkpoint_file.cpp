#include "stages/gate/checkpoint_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/checked_json.h"
#include "io/content_digests.h"
#include "stages/artifacts/gate_tensors.h"

namespace armorm::stages::gate {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kKey = "resume_key";
constexpr const char* kContent = "training";
constexpr int kContentDepth = 8;  // of the JSON in both

// JSON has no infinities and NaN, which a training that diverges has.
json exact_number(double value) {
  return std::isfinite(value) ? json(value) : json(fmt::format("{}", value));
}

double number_of(const json& value) {
  return value.is_string() ? std::strtod(value.get<std::string>().c_str(), nullptr) : value.get<double>();
}

std::int64_t integer_of(const json& value) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > kMost))
    fail_data("found {}, expected an integer", value.dump());
  return value.get<std::int64_t>();
}

json to_json(const std::vector<eval::CheckpointMetrics>& curve) {
  json list = json::array();
  for (const eval::CheckpointMetrics& c : curve)
    list.push_back({c.step, exact_number(c.validation.accuracy), exact_number(c.validation.loss)});
  return list;
}

std::vector<eval::CheckpointMetrics> curve_of(const json& list) {
  std::vector<eval::CheckpointMetrics> curve;
  for (const json& c : list) curve.push_back({integer_of(c.at(0)), {number_of(c.at(1)), number_of(c.at(2))}});
  return curve;
}

json to_json(const std::vector<gating::StepReport>& losses) {
  json list = json::array();
  for (const gating::StepReport& r : losses)
    list.push_back(
        {r.step, exact_number(r.loss), exact_number(r.learning_rate), exact_number(r.logit_scale)});
  return list;
}

std::vector<gating::StepReport> losses_of(const json& list) {
  std::vector<gating::StepReport> losses;
  for (const json& r : list)
    losses.push_back({integer_of(r.at(0)), number_of(r.at(1)), number_of(r.at(2)),
                      static_cast<float>(number_of(r.at(3)))});
  return losses;
}

bool all_finite(const gating::GateParameters& gate) {
  const auto finite = [](float v) { return std::isfinite(v); };
  return finite(gate.logit_scale) &&
         std::all_of(gate.layers.begin(), gate.layers.end(), [&](const gating::GateLayer& layer) {
           return std::all_of(layer.weight.begin(), layer.weight.end(), finite) &&
                  std::all_of(layer.bias.begin(), layer.bias.end(), finite);
         });
}

bool all_finite(const eval::SelectionProgress& current) {
  return all_finite(current.training.gate) && all_finite(current.training.first_moment) &&
         all_finite(current.training.second_moment) && all_finite(current.best);
}

json to_json(const eval::SelectedGate& done) {
  return {{"step", done.step},
          {"curve", to_json(done.curve)},
          {"losses", to_json(done.losses)},
          {"stopped_early", done.stopped_early},
          {"finite", all_finite(done.gate)}};
}

json to_json(const eval::SelectionProgress& current) {
  return {{"step", current.training.step},
          {"loss_sum", exact_number(current.training.loss_sum)},
          {"loss_steps", current.training.loss_steps},
          {"curve", to_json(current.curve)},
          {"losses", to_json(current.losses)},
          {"best_look", current.best_look},
          {"finite", all_finite(current)}};
}

// A training that diverged is saved as it is; other values that are not finite are none that were written.
void check_finite(bool finite, const json& content) {
  if (!finite && content.at("finite").get<bool>())
    fail_data("the gate or the optimiser's state holds a value that is not finite");
}

eval::SelectedGate read_done(const io::SafetensorsFile& file, const json& content,
                             const std::string& prefix) {
  eval::SelectedGate done{artifacts::read_gate_tensors(file, prefix), integer_of(content.at("step")),
                          curve_of(content.at("curve")), losses_of(content.at("losses")),
                          content.at("stopped_early").get<bool>()};
  check_finite(all_finite(done.gate), content);
  return done;
}

eval::SelectionProgress read_current(const io::SafetensorsFile& file, const json& content) {
  eval::SelectionProgress current;
  current.training = {integer_of(content.at("step")),
                      artifacts::read_gate_tensors(file, "gate."),
                      artifacts::read_gate_tensors(file, "first_moment."),
                      artifacts::read_gate_tensors(file, "second_moment."),
                      number_of(content.at("loss_sum")),
                      integer_of(content.at("loss_steps"))};
  current.curve = curve_of(content.at("curve"));
  current.losses = losses_of(content.at("losses"));
  current.best_look = integer_of(content.at("best_look"));
  current.best = artifacts::read_gate_tensors(file, "best.");
  check_finite(all_finite(current), content);
  return current;
}

std::string done_prefix(std::size_t i) { return fmt::format("done.{}.", i); }

SeedsTrained read_trained(const io::SafetensorsFile& file, const json& content) {
  SeedsTrained trained;
  for (const json& done : content.at("done"))
    trained.done.push_back(read_done(file, done, done_prefix(trained.done.size())));
  if (content.contains("current")) trained.current = read_current(file, content.at("current"));
  return trained;
}

json entry_of(const io::SafetensorsFile& file, const char* name) {
  const auto found = file.metadata().find(name);
  if (found == file.metadata().end()) fail_data("{}: its metadata has no {}", file.path().string(), name);
  return io::parse_checked_json(found->second, file.path().string(), kContentDepth);
}

bool is_without_digests(const io::SafetensorsFile& file, const resume::ResumeKey& key) {
  const auto format = key.find(kFormatKey);
  return !io::has_content_digests(file.metadata()) && format != key.end() &&
         format->second == kFormatWithoutDigests;
}

void add(model::pt::PtTensors& all, const gating::GateParameters& gate, const std::string& prefix) {
  model::pt::PtTensors more = artifacts::gate_tensors(gate, prefix);
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

std::vector<io::TensorContent> contents_of(const model::pt::PtTensors& tensors) {
  std::vector<io::TensorContent> contents;
  for (const auto& [name, tensor] : tensors)
    contents.push_back({{name, DType::f32, tensor.shape}, std::as_bytes(std::span(tensor.values))});
  return contents;
}

}  // namespace

fs::path previous_save_of(const fs::path& file) { return file.string() + ".previous"; }

void write_checkpoint(const fs::path& file, const fs::path& previous, const resume::ResumeKey& key,
                      const std::vector<const eval::SelectedGate*>& done,
                      const eval::SelectionProgress* current, io::FileSystem& files) {
  json content{{"done", json::array()}};
  model::pt::PtTensors tensors;
  for (std::size_t i = 0; i < done.size(); ++i) {
    content["done"].push_back(to_json(*done[i]));
    add(tensors, done[i]->gate, done_prefix(i));
  }
  if (current != nullptr) {
    content["current"] = to_json(*current);
    add(tensors, current->training.gate, "gate.");
    add(tensors, current->training.first_moment, "first_moment.");
    add(tensors, current->training.second_moment, "second_moment.");
    add(tensors, current->best, "best.");
  }
  io::Metadata metadata{{kKey, json(key).dump()}, {kContent, content.dump()}};
  io::add_content_digests(metadata, contents_of(tensors));
  io::SafetensorsWriter writer(file, artifacts::specs_of(tensors), metadata, files);
  artifacts::append_all(writer, tensors);
  writer.publish(previous);
}

SavedTraining read_checkpoint(const fs::path& path) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  try {
    SavedTraining saved{entry_of(file, kKey).get<resume::ResumeKey>(), std::nullopt};
    if (is_without_digests(file, saved.key)) return saved;
    io::verify_content(file);
    saved.trained = read_trained(file, entry_of(file, kContent));
    return saved;
  } catch (const json::exception& error) {
    fail_data("{}: its metadata is not that of a checkpoint: {}", path.string(), error.what());
  }
}

}  // namespace armorm::stages::gate
