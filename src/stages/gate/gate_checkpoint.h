// Checkpoint of a gate training: its last two saves, <file> and <file>.previous. Each is complete by itself
// and verified before it is used; of a damaged one the other is used, else the training starts again.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stages/gate/checkpoint_check.h"
#include "stages/gate/checkpoint_file.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages::gate {

class GateCheckpoint {
 public:
  // `file` must not be used by other processes. `key`: everything that determines the bits of the training. A
  // file with another key is a data error that names the differences; with `restart`, take_over() deletes it.
  // 0 seconds = save after every step.
  GateCheckpoint(std::filesystem::path file, resume::ResumeKey key, double seconds, bool restart,
                 const options::StageEnvironment& environment);

  // State of the previous run, once. A file that is damaged, of an earlier version, or not of such a training
  // is reported and counts as none.
  SeedsTrained take_over(const TrainingPlan& plan);

  // Called between two steps of the seed after `done`: saves when it is due, or when the stage was asked to
  // stop, which then ends with an interrupted error.
  void between_steps(const std::vector<const eval::SelectedGate*>& done,
                     const std::function<eval::SelectionProgress()>& progress);
  void save(const std::vector<const eval::SelectedGate*>& done, const eval::SelectionProgress* current);
  void remove();  // call when the result is published

 private:
  std::optional<SavedTraining> read(const std::filesystem::path& file) const;
  bool is_of_this_training(const SavedTraining& saved) const;
  bool is_usable(const std::filesystem::path& file, const SavedTraining& saved,
                 const TrainingPlan& plan) const;
  void warn_of(const std::filesystem::path& file, const std::string& what) const;

  std::filesystem::path file_, previous_;
  resume::ResumeKey key_;
  std::chrono::duration<double> interval_;
  bool restart_;
  const options::StageEnvironment& environment_;
  bool keep_file_ = true;  // at the next save, as previous_
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace armorm::stages::gate
