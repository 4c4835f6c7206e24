#include "stages/resume/replaceable.h"

#include "core/error.h"
#include "core/log.h"
#include "io/content_digests.h"
#include "io/safetensors.h"
#include "io/writable_file.h"
#include "stages/artifacts/form_input.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
using artifacts::ArtifactInputs;

namespace {

// Empty where the file does not say.
ArtifactInputs inputs_of(const fs::path& file) {
  const io::SafetensorsFile artifact = io::SafetensorsFile::open(file);
  if (io::has_content_digests(artifact.metadata())) io::verify_header(artifact);
  const auto found = artifact.metadata().find(artifacts::kInputsField);
  return found == artifact.metadata().end() ? ArtifactInputs{} : artifacts::parse_inputs(found->second);
}

}  // namespace

void check_same_inputs(const fs::path& artifact, const ArtifactInputs& then, const ArtifactInputs& now,
                       const std::string& folder_flag) {
  if (artifacts::are_same(then, now)) return;
  if (then.empty())
    fail_data(
        "{}: is there already and does not record what it was made from, as files of the Python scripts and "
        "of earlier versions; choose another --{}, or replace it with --restart",
        artifact.string(), folder_flag);
  fail_data(
      "{}: is there already, made from other inputs: {}; choose another --{}, or replace it with --restart",
      artifact.string(), differences_of(then, now), folder_flag);
}

void check_replaceable(const std::string& stem, const ArtifactInputs& now, const std::string& folder_flag) {
  const fs::path twin = stem + ".safetensors";
  if (!io::exists(twin)) {
    if (io::exists(stem + ".pt")) check_same_inputs(stem + ".pt", {}, now, folder_flag);
    return;
  }
  ArtifactInputs then;
  try {
    then = inputs_of(twin);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return log::warn("{}; it is replaced", error.what());
  }
  check_same_inputs(twin, then, now, folder_flag);
}

}  // namespace armorm::stages::resume
