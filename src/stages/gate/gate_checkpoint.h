// Checkpoint of a gate training: one safetensors file, replaced atomically during the training, with the
// finished seeds and the state of the current one.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "eval/checkpoint_selection.h"
#include "stages/options/stage_environment.h"
#include "stages/resume/journal.h"

namespace armorm::stages::gate {

struct SeedsTrained {
  std::vector<eval::SelectedGate> done;            // results of the first seeds, in order
  std::optional<eval::SelectionProgress> current;  // state of the next seed
};

class GateCheckpoint {
 public:
  // `file` must not be used by other processes. `key`: everything that determines the bits of the training. A
  // file with another key is a data error that names the differences; with `restart`, take_over() deletes it.
  // 0 seconds = save after every step.
  GateCheckpoint(std::filesystem::path file, resume::ResumeKey key, double seconds, bool restart,
                 const options::StageEnvironment& environment);

  // State of the previous run, once; a damaged file is reported and counts as none.
  SeedsTrained take_over();

  // Called between two steps of the seed after `done`: saves when it is due, or when the stage was asked to
  // stop, which then ends with an interrupted error.
  void between_steps(const std::vector<const eval::SelectedGate*>& done,
                     const std::function<eval::SelectionProgress()>& progress);
  void save(const std::vector<const eval::SelectedGate*>& done, const eval::SelectionProgress* current);
  void remove();  // call when the result is published

 private:
  std::filesystem::path file_;
  resume::ResumeKey key_;
  std::chrono::duration<double> interval_;
  bool restart_;
  const options::StageEnvironment& environment_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace armorm::stages::gate
