#include "stages/gate/gate_checkpoint.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.h"
#include "core/log.h"
#include "io/writable_file.h"
#include "report/json_values.h"
#include "stages/artifacts/gate_tensors.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::gate {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kKey = "resume_key";
constexpr const char* kContent = "training";

double number_of(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

json to_json(const std::vector<eval::CheckpointMetrics>& curve) {
  json list = json::array();
  for (const eval::CheckpointMetrics& look : curve)
    list.push_back({look.step, look.validation.accuracy, report::json_number(look.validation.loss)});
  return list;
}

std::vector<eval::CheckpointMetrics> curve_of(const json& list) {
  std::vector<eval::CheckpointMetrics> curve;
  for (const json& look : list) curve.push_back({look.at(0), {look.at(1), number_of(look.at(2))}});
  return curve;
}

json to_json(const std::vector<gating::StepReport>& losses) {
  json list = json::array();
  for (const gating::StepReport& r : losses)
    list.push_back({r.step, report::json_number(r.loss), r.learning_rate, r.logit_scale});
  return list;
}

std::vector<gating::StepReport> losses_of(const json& list) {
  std::vector<gating::StepReport> losses;
  for (const json& r : list)
    losses.push_back({r.at(0), number_of(r.at(1)), r.at(2), static_cast<float>(number_of(r.at(3)))});
  return losses;
}

json to_json(const eval::SelectedGate& done) {
  return {{"step", done.step},
          {"curve", to_json(done.curve)},
          {"losses", to_json(done.losses)},
          {"stopped_early", done.stopped_early}};
}

json to_json(const eval::SelectionProgress& current) {
  return {{"step", current.training.step},
          {"loss_sum", report::json_number(current.training.loss_sum)},
          {"loss_steps", current.training.loss_steps},
          {"curve", to_json(current.curve)},
          {"losses", to_json(current.losses)},
          {"best_look", current.best_look}};
}

std::string done_prefix(std::size_t i) { return fmt::format("done.{}.", i); }

void add(model::pt::PtTensors& all, const gating::GateParameters& gate, const std::string& prefix) {
  model::pt::PtTensors more = artifacts::gate_tensors(gate, prefix);
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

eval::SelectedGate read_done(const io::SafetensorsFile& file, const json& content, std::size_t i) {
  return {artifacts::read_gate_tensors(file, done_prefix(i)), content.at("step"),
          curve_of(content.at("curve")), losses_of(content.at("losses")), content.at("stopped_early")};
}

eval::SelectionProgress read_current(const io::SafetensorsFile& file, const json& content) {
  eval::SelectionProgress current;
  current.training = {content.at("step"),
                      artifacts::read_gate_tensors(file, "gate."),
                      artifacts::read_gate_tensors(file, "first_moment."),
                      artifacts::read_gate_tensors(file, "second_moment."),
                      number_of(content.at("loss_sum")),
                      content.at("loss_steps")};
  current.curve = curve_of(content.at("curve"));
  current.losses = losses_of(content.at("losses"));
  current.best_look = content.at("best_look");
  current.best = artifacts::read_gate_tensors(file, "best.");
  return current;
}

struct Saved {
  resume::ResumeKey key;
  SeedsTrained trained;
};

std::nullopt_t tell_of_damage(const fs::path& path, const std::exception& error) {
  log::warn("{}: is not a complete checkpoint ({}); the training begins anew", path.string(), error.what());
  return std::nullopt;
}

// nullopt, with a warning, when the file is damaged. io error when it currently cannot be read: its content
// must not be replaced.
std::optional<Saved> read_saved(const fs::path& path) {
  try {
    const io::SafetensorsFile file = io::SafetensorsFile::open(path);
    Saved saved{json::parse(file.metadata().at(kKey)).get<resume::ResumeKey>(), {}};
    const json content = json::parse(file.metadata().at(kContent));
    for (const json& done : content.at("done"))
      saved.trained.done.push_back(read_done(file, done, saved.trained.done.size()));
    if (content.contains("current")) saved.trained.current = read_current(file, content.at("current"));
    return saved;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return tell_of_damage(path, error);
  } catch (const json::exception& error) {
    return tell_of_damage(path, error);
  } catch (const std::out_of_range& error) {  // key missing in the metadata
    return tell_of_damage(path, error);
  }
}

}  // namespace

GateCheckpoint::GateCheckpoint(fs::path file, resume::ResumeKey key, double seconds, bool restart,
                               const options::StageEnvironment& environment)
    : file_(std::move(file)),
      key_(std::move(key)),
      interval_(seconds),
      restart_(restart),
      environment_(environment) {}

SeedsTrained GateCheckpoint::take_over() {
  if (!io::exists(file_)) return {};
  std::optional<Saved> saved = read_saved(file_);
  if (!saved) return {};
  if (saved->key == key_) return std::move(saved->trained);
  if (!restart_)
    fail_data(
        "{}: the interrupted training differs from this one in {}; finish it with the old inputs, or delete "
        "what it "
        "did with --restart",
        file_.string(), resume::differences_of(saved->key, key_));
  remove();
  return {};
}

void GateCheckpoint::between_steps(const std::vector<const eval::SelectedGate*>& done,
                                   const std::function<eval::SelectionProgress()>& progress) {
  const bool stopping = environment_.stopping();
  if (!stopping && std::chrono::steady_clock::now() - last_save_ < interval_) return;
  const eval::SelectionProgress now = progress();
  save(done, &now);
  if (stopping)
    fail_interrupted(
        "{}: asked to stop; {} steps of this seed are safe, the same command goes on with the rest",
        file_.string(), now.training.step);
}

void GateCheckpoint::save(const std::vector<const eval::SelectedGate*>& done,
                          const eval::SelectionProgress* current) {
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
  io::SafetensorsWriter writer(file_, artifacts::specs_of(tensors),
                               {{kKey, json(key_).dump()}, {kContent, content.dump()}}, environment_.files);
  artifacts::append_all(writer, tensors);
  writer.publish();
  last_save_ = std::chrono::steady_clock::now();
}

void GateCheckpoint::remove() {
  if (io::remove_file(environment_.files, file_)) io::sync_folder(environment_.files, io::folder_of(file_));
}

}  // namespace armorm::stages::gate
