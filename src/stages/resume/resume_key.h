// What decides the bytes of a shard, item by item.
#pragma once

#include <string>

#include "core/options.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "stages/prepare/extraction_run.h"
#include "stages/resume/journal.h"

namespace armorm {

// The arithmetic's place and its libraries, as far as they show in the results: "device" ("cpu, 8 threads" or
// "cuda NVIDIA H200"), "LibTorch" (its version), and on the CPU "CPU kernels" (see cpu_kernel_choice()).
ResumeKey arithmetic_key(int device, int threads);

// `content_sha256`: of the token ids, wanted positions, row ids and known tensors, so of all that data set,
// tokenizer, template and filters amount to. `options`: all but those that cannot change a byte are taken.
ResumeKey make_resume_key(const OptionList& options, const ExtractionOptions& extraction,
                          const ModelInputs& model, const Provenance& provenance,
                          const std::string& content_sha256);

// "weights (1a2b... then, 3c4d... now), --seed (0 then, 1 now)"
std::string differences_of(const ResumeKey& then, const ResumeKey& now);

// Of the whole key; stored in the published file.
std::string digest_of(const ResumeKey& key);

}  // namespace armorm
