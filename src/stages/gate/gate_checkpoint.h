// What keeps an interrupted gate training: one safetensors file, replaced as a whole while the training goes
// on, with the seeds that are done and the state of the one at hand.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "eval/checkpoint_selection.h"
#include "stages/resume/journal.h"
#include "stages/stage_environment.h"

namespace armorm {

struct SeedsTrained {
  std::vector<SelectedGate> done;            // of the first seeds, in order
  std::optional<SelectionProgress> current;  // of the next one
};

class GateCheckpoint {
 public:
  // `file` belongs to this process alone. `key`: all that decides the training's bits; a file with another
  // key is a data error that names what differs, or, where `restart` is set, is deleted by take_over(). 0
  // seconds = after every step.
  GateCheckpoint(std::filesystem::path file, ResumeKey key, double seconds, bool restart,
                 const StageEnvironment& environment);

  // Of the run before, once; a damaged file is told of and counts as none.
  SeedsTrained take_over();

  // Between two steps of the seed after `done`: saves when it is time, or when the stage was asked to stop,
  // which then ends with an interrupted error.
  void between_steps(const std::vector<const SelectedGate*>& done,
                     const std::function<SelectionProgress()>& progress);
  void save(const std::vector<const SelectedGate*>& done, const SelectionProgress* current);
  void remove();  // when what it leads to is published

 private:
  std::filesystem::path file_;
  ResumeKey key_;
  std::chrono::duration<double> interval_;
  bool restart_;
  const StageEnvironment& environment_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace armorm
