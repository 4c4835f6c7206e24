// Everything that determines the bytes of a shard, item by item.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "stages/prepare/extraction_run.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::prepare {

// `content_sha256`: digest of the token ids, wanted positions, row ids and known tensors, which covers data
// set, tokenizer, template and filters. `provenance` must contain the fingerprint of the weights. `options`:
// all options of the program.
resume::ResumeKey make_resume_key(const std::vector<OptionValue>& options,
                                  const ExtractionOptions& extraction,
                                  const artifacts::Provenance& provenance, const std::string& content_sha256);

}  // namespace armorm::stages::prepare
