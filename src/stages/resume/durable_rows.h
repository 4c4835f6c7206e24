// The file of one shard while it grows: rows are written to "<target>.partial" in any order, and a journal
// next to it records which ones are durable, so that the next process can resume after any kind of end.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/hash.h"
#include "io/safetensors.h"
#include "stages/resume/journal.h"

namespace armorm::stages::resume {

// A tensor whose first dimension is the shard's row, known before the backbone runs.
struct KnownTensor {
  io::TensorSpec spec;
  std::vector<std::byte> bytes;
};

template <class T>
KnownTensor known_tensor(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {{std::move(name), DTypeOf<T>::value, std::move(shape)}, {bytes.begin(), bytes.end()}};
}

// The tensors of a shard; the first dimension of all is the shard's row.
struct ShardTensors {
  std::vector<io::TensorSpec> embeddings;  // bf16 [rows, ..., width]: filled while the backbone runs
  std::vector<KnownTensor> known;
  std::int64_t width = 0;
  std::int64_t rows = 0;
  std::int64_t tokens = 0;  // over all requests, for observers of the journal
};

// All tensors, for a file with this number of rows.
std::vector<io::TensorSpec> tensor_specs(const ShardTensors& tensors, std::int64_t rows);

std::filesystem::path journal_path(const std::filesystem::path& target);  // "<target>.journal"

// data error when an interrupted run of the target had another key, with the differences.
void check_resumable(const std::filesystem::path& target, const ResumeKey& key);

// Not thread-safe.
class DurableRows {
 public:
  // Resumes from the journal: chunks whose rows have another checksum, and all later ones, are dropped.
  // Errors as for check_resumable(). `tensors` must outlive the object.
  DurableRows(const std::filesystem::path& target, const ShardTensors& tensors, const io::Metadata& metadata,
              const ResumeKey& key, double checkpoint_seconds, io::FileSystem& files);

  // Deletes the files of an interrupted run.
  static void discard(const std::filesystem::path& target, io::FileSystem& files);

  const model::ExtractionCursor& cursor() const noexcept { return cursor_; }
  std::int64_t requests_done() const noexcept { return requests_done_; }  // by this process and earlier ones
  const std::set<std::int64_t>& non_finite() const noexcept { return non_finite_; }
  // Of the finished requests: those computed again in float32 and stored, and those that are not finite even
  // then.
  const std::set<std::int64_t>& recomputed() const noexcept { return recomputed_; }
  const std::set<std::int64_t>& still_non_finite() const noexcept { return still_non_finite_; }

  // `row` counts vectors of `width` in the tensor embeddings[tensor].
  void put(std::size_t tensor, std::size_t row, std::span<const float> values);
  void finish_request(std::int64_t tokens = 0);
  void finish_non_finite(std::size_t request, std::int64_t tokens = 0);  // instead of put()
  // Finishes a request a second time, in float32: after put(), or without put() if it is not `finite` even
  // then.
  void finish_again(std::int64_t request, bool finite);

  // Called when complete passes have been put; makes them durable when it is due.
  void after_pass(const model::ExtractionCursor& after);
  void checkpoint();

  // Publishes the complete file and deletes the journal.
  void publish();
  // The same without some rows of the shard, at the cost of writing the file a second time.
  void publish_without(const std::set<std::int64_t>& rows, const io::Metadata& metadata);

 private:
  std::size_t vector_bytes() const { return static_cast<std::size_t>(tensors_.width) * sizeof(BFloat16); }
  std::size_t vectors_per_row(std::size_t tensor) const;
  std::int64_t total_vectors() const;
  // The vectors of all tensors are numbered consecutively in the journal.
  struct Place {
    std::size_t tensor = 0;
    std::size_t row = 0;
  };
  Place place_of(std::int64_t vector) const;
  std::int64_t vector_of(Place place) const;
  std::size_t take_over_chunks();  // returns their number
  bool is_intact(const ChunkRecord& chunk) const;
  void take_over(const ChunkRecord& chunk);

  std::filesystem::path target_;
  const ShardTensors& tensors_;
  io::FileSystem& files_;
  std::chrono::duration<double> interval_;
  std::optional<JournalContent> found_;  // content left by the previous process
  io::SafetensorsWriter writer_;
  std::optional<Journal> journal_;
  model::ExtractionCursor cursor_;
  std::int64_t requests_done_ = 0;
  std::set<std::int64_t> non_finite_, recomputed_, still_non_finite_;
  ChunkRecord chunk_;  // not yet in any record,
  Sha256 digest_;      // with the digest of its rows
  std::chrono::steady_clock::time_point last_checkpoint_ = std::chrono::steady_clock::now();
};

}  // namespace armorm::stages::resume
