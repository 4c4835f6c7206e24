// Digests of all that a safetensors file holds, in its metadata, so that a file which was changed after it
// was written is never used.
//
//   tensor_sha256  JSON object: tensor -> SHA-256 of its bytes
//   header_sha256  SHA-256 of all other metadata (tensor_sha256 included) and of the tensors' names, dtypes
//                  and shapes
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "io/safetensors.h"

namespace armorm::io {

struct TensorContent {
  TensorSpec spec;
  std::span<const std::byte> bytes;
};

// Adds both entries; call with the complete metadata.
void add_content_digests(Metadata& metadata, const std::vector<TensorContent>& tensors);

// Whether there is one of the entries: false for files of other programs and of earlier versions.
bool has_content_digests(const Metadata& metadata);

// Reads the complete file. data error that names file and tensor (or the header) when one differs from its
// digest, or when one of the entries is missing.
void verify_content(const SafetensorsFile& file);

}  // namespace armorm::io
