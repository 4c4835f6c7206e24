#include "stages/resume/durable_rows.h"

#include <algorithm>
#include <utility>

#include "core/dtype.h"
#include "core/error.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "io/content_digests.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
namespace {

// Upper limit of a chunk, so that a crash loses little even on a fast device.
constexpr std::size_t kMaxChunkVectors = 65536;

std::optional<JournalContent> read_own_journal(const fs::path& path, const ResumeKey& key) {
  std::optional<JournalContent> journal = read_journal(path);
  if (journal && journal->key != key)
    fail_data(
        "{}: the interrupted run of this shard differs from this one in {}; finish it with the old inputs, "
        "or delete "
        "what it did with --restart",
        path.string(), differences_of(journal->key, key));
  return journal;
}

// A first line without its end belongs to a process that died before it did anything.
void warn_of_lost_key(const fs::path& journal) {
  if (io::exists(journal) && io::read_text_file(journal).find('\n') != std::string::npos)
    log::warn(
        "{}: its first line, which records the interrupted run's inputs, is damaged; the run starts over",
        journal.string());
}

std::vector<BFloat16> to_bf16(std::span<const float> values) {
  std::vector<BFloat16> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = BFloat16::from_float(values[i]);
  return out;
}

}  // namespace

void check_resumable(const fs::path& target, const ResumeKey& key) {
  read_own_journal(journal_path(target), key);
}

std::vector<io::TensorSpec> tensor_specs(const ShardTensors& tensors, std::int64_t rows) {
  std::vector<io::TensorSpec> specs = tensors.embeddings;
  for (const KnownTensor& known : tensors.known) specs.push_back(known.spec);
  for (io::TensorSpec& spec : specs) spec.shape.at(0) = rows;
  return specs;
}

fs::path journal_path(const fs::path& target) { return target.string() + ".journal"; }

DurableRows::DurableRows(const fs::path& target, const ShardTensors& tensors, const io::Metadata& metadata,
                         const ResumeKey& key, double checkpoint_seconds, io::FileSystem& files)
    : target_(target),
      tensors_(tensors),
      files_(files),
      interval_(checkpoint_seconds),
      found_(read_own_journal(journal_path(target), key)),
      writer_(io::AtomicFile::resume(target, files), tensor_specs(tensors, tensors.rows),
              io::with_reserved_digests(metadata, tensor_specs(tensors, tensors.rows))) {
  for (const KnownTensor& known : tensors_.known) writer_.write_at(known.spec.name, 0, known.bytes);
  if (found_) {
    const std::size_t n = take_over_chunks();
    if (n < found_->chunks.size())
      log::warn("{}: the rows of {} of {} chunks are damaged; they are computed again", target_.string(),
                found_->chunks.size() - n, found_->chunks.size());
    journal_.emplace(files_, journal_path(target_), *found_, n);
  } else {
    warn_of_lost_key(journal_path(target_));
    journal_.emplace(files_, journal_path(target_), key);
  }
}

void DurableRows::discard(const fs::path& target, io::FileSystem& files) {
  io::remove_file(files, journal_path(target));
  io::remove_file(files, io::AtomicFile::resumed_name(target));
}

std::size_t DurableRows::vectors_per_row(std::size_t tensor) const {
  std::int64_t n = 1;
  const std::vector<std::int64_t>& shape = tensors_.embeddings[tensor].shape;
  for (std::size_t d = 1; d + 1 < shape.size(); ++d) n *= shape[d];
  return static_cast<std::size_t>(n);
}

std::int64_t DurableRows::total_vectors() const { return vector_of({tensors_.embeddings.size(), 0}); }

std::int64_t DurableRows::vector_of(Place place) const {
  std::size_t vector = place.row;
  for (std::size_t t = 0; t < place.tensor; ++t)
    vector += static_cast<std::size_t>(tensors_.rows) * vectors_per_row(t);
  return static_cast<std::int64_t>(vector);
}

DurableRows::Place DurableRows::place_of(std::int64_t vector) const {
  Place place{0, static_cast<std::size_t>(vector)};
  for (;; ++place.tensor) {
    const std::size_t size = static_cast<std::size_t>(tensors_.rows) * vectors_per_row(place.tensor);
    if (place.row < size) return place;
    place.row -= size;
  }
}

std::size_t DurableRows::take_over_chunks() {
  std::size_t n = 0;
  Phase phase(target_.string() + ": checking the saved rows", std::ssize(found_->chunks), "chunks");
  for (const ChunkRecord& chunk : found_->chunks) {
    phase.advance();
    if (!is_intact(chunk)) break;
    take_over(chunk);
    ++n;
  }
  return n;
}

bool DurableRows::is_intact(const ChunkRecord& chunk) const {
  const std::int64_t vectors = total_vectors();
  const auto is_known = [this](std::int64_t request) { return non_finite_.contains(request); };
  if (!std::ranges::all_of(chunk.recomputed, is_known) ||
      !std::ranges::all_of(chunk.still_non_finite, is_known))
    return false;
  if (chunk.after.next_sequence < cursor_.next_sequence || chunk.requests < 0) return false;
  if (!std::all_of(chunk.rows.begin(), chunk.rows.end(),
                   [&](std::int64_t v) { return v >= 0 && v < vectors; }))
    return false;
  Sha256 digest;
  std::vector<std::byte> bytes(vector_bytes());
  for (const std::int64_t vector : chunk.rows) {
    const Place place = place_of(vector);
    writer_.read_at(tensors_.embeddings[place.tensor].name, place.row * bytes.size(), bytes);
    digest.update(bytes);
  }
  return digest.hex() == chunk.sha256;
}

void DurableRows::take_over(const ChunkRecord& chunk) {
  for (const std::int64_t vector : chunk.rows) {
    const Place place = place_of(vector);
    writer_.keep(tensors_.embeddings[place.tensor].name, place.row * vector_bytes(), vector_bytes());
  }
  cursor_ = chunk.after;
  requests_done_ += chunk.requests;
  non_finite_.insert(chunk.non_finite.begin(), chunk.non_finite.end());
  recomputed_.insert(chunk.recomputed.begin(), chunk.recomputed.end());
  still_non_finite_.insert(chunk.still_non_finite.begin(), chunk.still_non_finite.end());
}

void DurableRows::put(std::size_t tensor, std::size_t row, std::span<const float> values) {
  const std::vector<BFloat16> stored = to_bf16(values);
  const auto bytes = std::as_bytes(std::span(stored));
  writer_.write_at(tensors_.embeddings.at(tensor).name, row * bytes.size(), bytes);
  digest_.update(bytes);
  chunk_.rows.push_back(vector_of({tensor, row}));
}

void DurableRows::finish_request(std::int64_t tokens) {
  ++chunk_.requests;
  chunk_.tokens += tokens;
  ++requests_done_;
}

void DurableRows::finish_non_finite(std::size_t request, std::int64_t tokens) {
  finish_request(tokens);
  chunk_.non_finite.push_back(static_cast<std::int64_t>(request));
  non_finite_.insert(static_cast<std::int64_t>(request));
}

void DurableRows::finish_again(std::int64_t request, bool finite) {
  (finite ? chunk_.recomputed : chunk_.still_non_finite).push_back(request);
  (finite ? recomputed_ : still_non_finite_).insert(request);
}

void DurableRows::after_pass(const model::ExtractionCursor& after) {
  cursor_ = after;
  if (std::chrono::steady_clock::now() - last_checkpoint_ >= interval_ ||
      chunk_.rows.size() >= kMaxChunkVectors)
    checkpoint();
}

void DurableRows::checkpoint() {
  if (chunk_.requests == 0 && chunk_.recomputed.empty() && chunk_.still_non_finite.empty()) return;
  chunk_.after = cursor_;
  chunk_.sha256 = std::exchange(digest_, Sha256()).hex();
  chunk_.total_tokens = tensors_.tokens;
  writer_.sync_data();
  chunk_.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  journal_->append(chunk_);
  chunk_ = {};
  last_checkpoint_ = std::chrono::steady_clock::now();
}

void DurableRows::publish() {
  writer_.publish();
  io::remove_file(files_, journal_path(target_));
}

void DurableRows::publish_without(const std::set<std::int64_t>& rows, const io::Metadata& metadata) {
  const std::vector<io::TensorSpec> specs =
      tensor_specs(tensors_, tensors_.rows - static_cast<std::int64_t>(rows.size()));
  io::SafetensorsWriter out(target_, specs, io::with_reserved_digests(metadata, specs), files_);
  std::vector<std::byte> bytes;
  const auto copy = [&](const std::string& name, std::size_t row_bytes, const auto& read_row) {
    bytes.resize(row_bytes);
    for (std::int64_t row = 0, to = 0; row < tensors_.rows; ++row) {
      stop_point();
      if (rows.contains(row)) continue;
      read_row(static_cast<std::size_t>(row) * row_bytes);
      out.write_at(name, static_cast<std::size_t>(to++) * row_bytes, bytes);
    }
  };
  for (std::size_t t = 0; t < tensors_.embeddings.size(); ++t) {
    const std::string& name = tensors_.embeddings[t].name;
    copy(name, vectors_per_row(t) * vector_bytes(),
         [&](std::size_t at) { writer_.read_at(name, at, bytes); });
  }
  for (const KnownTensor& known : tensors_.known) {
    copy(known.spec.name, known.bytes.size() / static_cast<std::size_t>(tensors_.rows), [&](std::size_t at) {
      std::copy_n(known.bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(), bytes.begin());
    });
  }
  out.publish();
  discard(target_, files_);
}

}  // namespace armorm::stages::resume
