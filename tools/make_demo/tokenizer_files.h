// Writes tokenizer.json and tokenizer_config.json in the form of Llama 3.
#pragma once

#include <cstdint>
#include <filesystem>

#include "bpe_trainer.h"

namespace armorm::demo {

struct SpecialIds {
  std::int64_t vocab_size = 0;  // including special tokens
  std::int64_t bos = 0;
  std::int64_t eos = 0;  // <|eot_id|>
  std::int64_t pad = 0;
};

// Writes both files; ids are assigned to bytes, then merges, then special tokens. io error when they cannot
// be written.
SpecialIds write_tokenizer(const std::filesystem::path& folder, const BpeMerges& merges);

}  // namespace armorm::demo
