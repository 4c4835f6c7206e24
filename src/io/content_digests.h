// Digests of all that a safetensors file holds, in its metadata, so that a file which was changed after it
// was written is never used.
//
//   tensor_sha256  JSON object: tensor -> SHA-256 of its bytes
//   header_sha256  SHA-256 of all other metadata (tensor_sha256 included) and of the tensors' names, dtypes
//                  and shapes
#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace armorm::io {

constexpr const char* kTensorDigests = "tensor_sha256";

struct TensorContent {
  TensorSpec spec;
  std::span<const std::byte> bytes;
};

// Adds both entries; call with the complete metadata.
void add_content_digests(Metadata& metadata, const std::vector<TensorContent>& tensors);

using TensorDigests = std::map<std::string, std::string>;  // tensor -> SHA-256

// The same with digests from elsewhere.
Metadata with_content_digests(Metadata metadata, const std::vector<TensorSpec>& tensors,
                              const TensorDigests& digests);

// Adds both entries with zeros, as long as the digests that SafetensorsWriter::publish() puts in their
// places. It computes those of tensors that append() did not fill alone from the file.
Metadata with_reserved_digests(Metadata metadata, const std::vector<TensorSpec>& tensors);
bool has_reserved_digests(const Metadata& metadata);

// Whether there is one of the entries: false for files of other programs and of earlier versions.
bool has_content_digests(const Metadata& metadata);

// Reads the complete file. data error that names file and tensor (or the header) when one differs from its
// digest, or when one of the entries is missing.
void verify_content(const SafetensorsFile& file);
// The same of metadata and list of tensors alone.
void verify_header(const SafetensorsFile& file);

// Verifies tensors on a thread of its own while the caller reads them too: the file comes from the disk once.
class ContentCheck {
 public:
  struct Item {
    const SafetensorsFile* file;  // its header is verified; outlives the check
    std::string tensor;
  };
  explicit ContentCheck(std::vector<Item> items);
  ~ContentCheck();  // ends an unfinished check
  ContentCheck(const ContentCheck&) = delete;
  ContentCheck& operator=(const ContentCheck&) = delete;

  // Waits for the end. data error as verify_content(), each time it is called; interrupted error where the
  // thread that made the object is asked to stop.
  void finish();

 private:
  std::atomic<bool> stopped_ = false;
  std::shared_future<void> check_;
};

}  // namespace armorm::io
