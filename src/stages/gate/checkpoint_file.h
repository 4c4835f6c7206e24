// One file of a gate training's checkpoint: the finished seeds and the state of the current one, with digests
// of all that it holds (io/content_digests.h).
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "eval/checkpoint_selection.h"
#include "io/safetensors.h"
#include "stages/resume/journal.h"

namespace armorm::stages::gate {

// The resume key says in which format its file is. Format 2 has no digests and is not read.
constexpr const char* kFormatKey = "checkpoint format";
constexpr const char* kFormat = "3";
constexpr const char* kFormatWithoutDigests = "2";

struct SeedsTrained {
  std::vector<eval::SelectedGate> done;            // results of the first seeds, in order
  std::optional<eval::SelectionProgress> current;  // state of the next seed
};

struct SavedTraining {
  resume::ResumeKey key;
  std::optional<SeedsTrained> trained;  // nullopt in a file without digests
};

std::filesystem::path previous_save_of(const std::filesystem::path& file);  // "<file>.previous"

// Replaces `file` atomically. What it named before is kept as `previous`, unless that is empty.
void write_checkpoint(const std::filesystem::path& file, const std::filesystem::path& previous,
                      const resume::ResumeKey& key, const std::vector<const eval::SelectedGate*>& done,
                      const eval::SelectionProgress* current, io::FileSystem& files);

// data error that names what is damaged; io error when the file cannot be read. The values are those that
// were written; whether a training can have them is checked by check_saved().
SavedTraining read_checkpoint(const std::filesystem::path& path);

}  // namespace armorm::stages::gate
