#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/stop_point.h"
#include "io/content_digests.h"
#include "io/publish.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace armorm::io {
namespace {

constexpr std::uint64_t kBufferBytes = std::uint64_t{1} << 20;

// Written byte ranges of the file: disjoint, non-adjacent ranges [begin, end).
class WrittenRanges {
 public:
  void add(std::uint64_t begin, std::uint64_t end) {
    if (begin == end) return;
    auto next = ranges_.upper_bound(begin);
    if (next != ranges_.begin() && std::prev(next)->second >= begin) --next;
    while (next != ranges_.end() && next->first <= end) {
      begin = std::min(begin, next->first);
      end = std::max(end, next->second);
      next = ranges_.erase(next);
    }
    ranges_.emplace(begin, end);
  }

  // First unwritten byte at or after `begin`.
  std::uint64_t first_gap(std::uint64_t begin) const {
    auto next = ranges_.upper_bound(begin);
    if (next == ranges_.begin()) return begin;
    return std::max(begin, std::prev(next)->second);
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;
};

}  // namespace

struct SafetensorsWriter::Impl {
  Impl(AtomicFile&& output, const std::vector<TensorSpec>& tensors, const Metadata& metadata)
      : file(std::move(output)), specs(tensors), facts(metadata), digested(has_reserved_digests(metadata)) {
    WrittenHeader header = write_safetensors_header(tensors, metadata, file.target().string());
    file.allocate(header.file_size);
    for (TensorEntry& entry : header.tensors) {
      const std::string name = entry.spec.name;
      entries.emplace(name, std::move(entry));
    }
    put(0, std::as_bytes(std::span(header.bytes)));
  }

  // Position in the file of `size` bytes at `offset` of a tensor.
  std::uint64_t place_of(const std::string& tensor, std::uint64_t offset, std::uint64_t size) const {
    const auto found = entries.find(tensor);
    if (found == entries.end())
      fail_internal("{}: tensor \"{}\" was not declared", file.target().string(), tensor);
    const std::uint64_t tensor_size = found->second.end - found->second.begin;
    if (offset > tensor_size || size > tensor_size - offset) {
      fail_internal("{}: tensor \"{}\": {} bytes at {} do not fit its {} bytes", file.target().string(),
                    tensor, size, offset, tensor_size);
    }
    return found->second.begin + offset;
  }

  void put(std::uint64_t offset, std::span<const std::byte> bytes) {
    file.write_at(offset, bytes);
    written.add(offset, offset + bytes.size());
  }

  std::string digest_in_file(const TensorEntry& entry) const {
    Sha256 of_file;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(kBufferBytes, entry.end - entry.begin));
    for (std::uint64_t at = entry.begin; at < entry.end;) {
      const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), entry.end - at));
      stop_point();
      file.read_at(at, piece);
      of_file.update(piece);
      at += piece.size();
    }
    return of_file.hex();
  }

  void put_digests() {
    if (!digested) return;
    for (const TensorSpec& spec : specs)
      if (!appended.contains(spec.name) || scattered.contains(spec.name))
        appended[spec.name] = digest_in_file(entries.at(spec.name));
    const WrittenHeader header =
        write_safetensors_header(specs, with_content_digests(facts, specs, appended), file.target().string());
    file.write_at(0, std::as_bytes(std::span(header.bytes)));
  }

  // Called for bytes that append() writes; the tensor is complete with them when `last`.
  void digest(const std::string& tensor, std::span<const std::byte> bytes, bool last) {
    if (!digested) return;
    hash.update(bytes);
    if (last) appended[tensor] = std::exchange(hash, Sha256()).hex();
  }

  void check_complete() const {
    for (const TensorSpec& spec : specs) {
      const std::string& name = spec.name;
      const TensorEntry& entry = entries.at(name);
      const std::uint64_t gap = written.first_gap(entry.begin);
      if (gap < entry.end) {
        fail_internal("{}: tensor \"{}\" is incomplete: byte {} of {} was never written",
                      file.target().string(), name, gap - entry.begin, entry.end - entry.begin);
      }
    }
  }

  AtomicFile file;
  std::map<std::string, TensorEntry> entries;
  std::vector<TensorSpec> specs;    // in the caller's order, used by append()
  Metadata facts;                   // the caller's
  bool digested;                    // which have places for digests
  std::size_t current = 0;          // position in `specs` of the tensor that append() fills
  std::uint64_t filled = 0;         // number of its bytes that are filled
  Sha256 hash;                      // of these
  TensorDigests appended;           // of tensors that append() filled
  std::set<std::string> scattered;  // tensors that write_at() wrote to
  WrittenRanges written;
};

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& target,
                                     const std::vector<TensorSpec>& tensors, const Metadata& metadata,
                                     FileSystem& files)
    : SafetensorsWriter(AtomicFile(target, files), tensors, metadata) {}

SafetensorsWriter::SafetensorsWriter(AtomicFile file, const std::vector<TensorSpec>& tensors,
                                     const Metadata& metadata)
    : impl_(std::make_unique<Impl>(std::move(file), tensors, metadata)) {}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (impl_->current == impl_->specs.size()) {
      fail_internal("{}: {} bytes appended past the last tensor", impl_->file.target().string(),
                    bytes.size());
    }
    const std::string& name = impl_->specs[impl_->current].name;
    const TensorEntry& entry = impl_->entries.at(name);
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), entry.end - entry.begin - impl_->filled);
    impl_->put(entry.begin + impl_->filled, bytes.first(size));
    impl_->filled += size;
    const bool last = entry.begin + impl_->filled == entry.end;
    impl_->digest(name, bytes.first(size), last);
    bytes = bytes.subspan(size);
    if (last) {
      ++impl_->current;
      impl_->filled = 0;
    }
  }
}

void SafetensorsWriter::write_at(const std::string& tensor, std::uint64_t offset,
                                 std::span<const std::byte> bytes) {
  impl_->scattered.insert(tensor);
  impl_->put(impl_->place_of(tensor, offset, bytes.size()), bytes);
}

void SafetensorsWriter::read_at(const std::string& tensor, std::uint64_t offset,
                                std::span<std::byte> bytes) const {
  impl_->file.read_at(impl_->place_of(tensor, offset, bytes.size()), bytes);
}

void SafetensorsWriter::keep(const std::string& tensor, std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t begin = impl_->place_of(tensor, offset, size);
  impl_->written.add(begin, begin + size);
}

void SafetensorsWriter::sync_data() { impl_->file.sync_data(); }

void SafetensorsWriter::publish() { publish({}); }

void SafetensorsWriter::publish(const std::filesystem::path& previous) {
  impl_->check_complete();
  impl_->put_digests();
  impl_->file.publish(previous);
}

}  // namespace armorm::io
