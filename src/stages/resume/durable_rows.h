// The file of one shard while it grows: rows go to "<target>.partial" in any order, and a journal beside it
// says which are durable, so that the next process goes on where this one ended, however it ended.
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

namespace armorm {

// A tensor whose first dimension is the shard's row, and which is known before the backbone runs.
struct KnownTensor {
  TensorSpec spec;
  std::vector<std::byte> bytes;
};

template <class T>
KnownTensor known_tensor(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {{std::move(name), DTypeOf<T>::value, std::move(shape)}, {bytes.begin(), bytes.end()}};
}

// The tensors of a shard; the first dimension of all is the shard's row.
struct ShardTensors {
  std::vector<TensorSpec> embeddings;  // bf16 [rows, ..., width]: filled as the backbone goes
  std::vector<KnownTensor> known;
  std::int64_t width = 0;
  std::int64_t rows = 0;
  std::int64_t tokens = 0;  // of all requests, for whoever watches the journal
};

// All of them, in a file of so many rows.
std::vector<TensorSpec> tensor_specs(const ShardTensors& tensors, std::int64_t rows);

std::filesystem::path journal_path(const std::filesystem::path& target);  // "<target>.journal"

// data error when an interrupted run of the target had another key: it names what differs.
void check_resumable(const std::filesystem::path& target, const ResumeKey& key);

// Not thread-safe.
class DurableRows {
 public:
  // Goes on with what the journal vouches for: chunks whose rows have another checksum, and all after them,
  // are dropped. Errors as check_resumable(). `tensors` must outlive this.
  DurableRows(const std::filesystem::path& target, const ShardTensors& tensors, const Metadata& metadata,
              const ResumeKey& key, double checkpoint_seconds, FileSystem& files);

  // Deletes what an interrupted run left.
  static void discard(const std::filesystem::path& target, FileSystem& files);

  const ExtractionCursor& cursor() const noexcept { return cursor_; }
  std::int64_t requests_done() const noexcept { return requests_done_; }  // in this process and before
  const std::set<std::int64_t>& non_finite() const noexcept { return non_finite_; }
  // Of those: what was computed again in float32 and put, and what is not finite then either.
  const std::set<std::int64_t>& recomputed() const noexcept { return recomputed_; }
  const std::set<std::int64_t>& still_non_finite() const noexcept { return still_non_finite_; }

  // `row` counts vectors of `width` in the tensor embeddings[tensor].
  void put(std::size_t tensor, std::size_t row, std::span<const float> values);
  void finish_request(std::int64_t tokens = 0);
  void finish_non_finite(std::size_t request, std::int64_t tokens = 0);  // instead of put()
  // A second time, in float32: after put(), or without it where that is not `finite` either.
  void finish_again(std::int64_t request, bool finite);

  // What was put so far is a whole number of passes; makes it durable when it is time.
  void after_pass(const ExtractionCursor& after);
  void checkpoint();

  // Puts the whole file in place and deletes the journal.
  void publish();
  // The same without some of the shard's rows, for the price of writing the file once more.
  void publish_without(const std::set<std::int64_t>& rows, const Metadata& metadata);

 private:
  std::size_t vector_bytes() const { return static_cast<std::size_t>(tensors_.width) * sizeof(BFloat16); }
  std::size_t vectors_per_row(std::size_t tensor) const;
  std::int64_t total_vectors() const;
  // Vectors of all tensors have one numbering in the journal.
  struct Place {
    std::size_t tensor = 0;
    std::size_t row = 0;
  };
  Place place_of(std::int64_t vector) const;
  std::int64_t vector_of(Place place) const;
  std::size_t take_over_chunks();  // their number
  bool is_intact(const ChunkRecord& chunk) const;
  void take_over(const ChunkRecord& chunk);

  std::filesystem::path target_;
  const ShardTensors& tensors_;
  FileSystem& files_;
  std::chrono::duration<double> interval_;
  std::optional<JournalContent> found_;  // of the process before
  SafetensorsWriter writer_;
  std::optional<Journal> journal_;
  ExtractionCursor cursor_;
  std::int64_t requests_done_ = 0;
  std::set<std::int64_t> non_finite_, recomputed_, still_non_finite_;
  ChunkRecord chunk_;  // what no record holds yet,
  Sha256 digest_;      // and the digest of its rows
  std::chrono::steady_clock::time_point last_checkpoint_ = std::chrono::steady_clock::now();
};

}  // namespace armorm
