// Whether a shard's finished file is left as it is. Hours of computing are never replaced without --restart.
#pragma once

#include <filesystem>

#include "armorm/verify.h"
#include "io/safetensors.h"
#include "stages/artifacts/provenance.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::prepare {

// Adds what keeps_finished() compares to the metadata of a shard.
void record_key(const resume::ResumeKey& key, io::Metadata& metadata);

// True for a complete file that was made from the same inputs with the same options; where the machine, the
// versions or the passes differ, which changes at most the rounding, an info line says so. False without a
// file, and for a damaged one, with a warning. With Verify::on, a file is complete if its content is what was
// written. data error for a file with other inputs or options, which it names. io error for one that cannot
// be read at present.
bool keeps_finished(const std::filesystem::path& target, const artifacts::Provenance& provenance,
                    const resume::ResumeKey& key, Verify verify);

}  // namespace armorm::stages::prepare
