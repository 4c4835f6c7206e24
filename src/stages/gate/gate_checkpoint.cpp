#include "stages/gate/gate_checkpoint.h"

#include <fmt/core.h>

#include "core/error.h"
#include "core/log.h"
#include "io/writable_file.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::gate {
namespace fs = std::filesystem;
namespace {

// Without what differs between a file without digests and any newer one.
resume::ResumeKey without_versions(resume::ResumeKey key) {
  key.erase(kFormatKey);
  key.erase("program version");
  return key;
}

}  // namespace

GateCheckpoint::GateCheckpoint(fs::path file, resume::ResumeKey key, double seconds, bool restart,
                               const options::StageEnvironment& environment)
    : file_(std::move(file)),
      previous_(previous_save_of(file_)),
      key_(std::move(key)),
      interval_(seconds),
      restart_(restart),
      environment_(environment) {}

void GateCheckpoint::warn_of(const fs::path& file, const std::string& what) const {
  const bool another = file == file_ && io::exists(previous_);
  log::warn("{}: {}; {}", file.string(), what,
            another ? "using the previous checkpoint" : "restarting the training");
}

// nullopt, with a warning, when the file is damaged. io error when it currently cannot be read: its content
// must not be replaced.
std::optional<SavedTraining> GateCheckpoint::read(const fs::path& file) const {
  try {
    return read_checkpoint(file);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    warn_of(file, fmt::format("is not a complete checkpoint ({})", error.what()));
    return std::nullopt;
  }
}

bool GateCheckpoint::is_of_this_training(const SavedTraining& saved) const {
  return saved.trained ? saved.key == key_ : without_versions(saved.key) == without_versions(key_);
}

// Warns if it is not.
bool GateCheckpoint::is_usable(const fs::path& file, const SavedTraining& saved,
                               const TrainingPlan& plan) const {
  if (!saved.trained) {
    warn_of(file, "was written by an earlier version, without checksums");
    return false;
  }
  try {
    check_saved(*saved.trained, plan);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    warn_of(file, fmt::format("holds a state that this training cannot have ({})", error.what()));
    return false;
  }
}

SeedsTrained GateCheckpoint::take_over(const TrainingPlan& plan) {
  for (const fs::path& file : {file_, previous_}) {
    if (!io::exists(file)) continue;
    keep_file_ = false;
    std::optional<SavedTraining> saved = read(file);
    if (!saved) continue;
    if (!is_of_this_training(*saved)) {
      if (!restart_)
        fail_data(
            "{}: the interrupted training differs from this one in {}; finish it with the old inputs, or "
            "delete what it did with --restart",
            file.string(), resume::differences_of(saved->key, key_));
      remove();
      return {};
    }
    if (!is_usable(file, *saved, plan)) continue;
    keep_file_ = file == file_;
    return std::move(*saved->trained);
  }
  return {};
}

void GateCheckpoint::between_steps(const std::vector<const eval::SelectedGate*>& done,
                                   const std::function<eval::SelectionProgress()>& progress) {
  const bool stopping = environment_.stopping();
  if (!stopping && std::chrono::steady_clock::now() - last_save_ < interval_) return;
  const eval::SelectionProgress now = progress();
  save(done, &now);
  if (stopping)
    fail_interrupted("{}: asked to stop; {} steps of this seed are safe, the same command resumes",
                     file_.string(), now.training.step);
}

void GateCheckpoint::save(const std::vector<const eval::SelectedGate*>& done,
                          const eval::SelectionProgress* current) {
  write_checkpoint(file_, keep_file_ ? previous_ : fs::path(), key_, done, current, environment_.files);
  keep_file_ = true;
  last_save_ = std::chrono::steady_clock::now();
}

void GateCheckpoint::remove() {
  bool any = false;
  for (const fs::path& file : {previous_, file_}) any = io::remove_file(environment_.files, file) || any;
  if (any) io::sync_folder(environment_.files, io::folder_of(file_));
}

}  // namespace armorm::stages::gate
