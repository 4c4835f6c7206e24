// The journal of one shard: which rows of its partial file are durable. One line per record, "<CRC-32 in hex>
// <JSON>": the first holds the resume key, each later one a chunk. It is append-only; a torn, damaged or
// misplaced line ends it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/writable_file.h"
#include "model/extractor.h"

namespace armorm::stages::resume {

// Everything that determines the bytes of a shard, by names that a user understands.
using ResumeKey = std::map<std::string, std::string>;

struct ChunkRecord {
  model::ExtractionCursor after;         // where to resume
  std::int64_t requests = 0;             // finished in this chunk
  std::vector<std::int64_t> rows;        // rows of the partial file, in the order of the digest
  std::string sha256;                    // digest of their concatenated bytes
  std::vector<std::int64_t> non_finite;  // requests without rows: their embeddings are not finite
  // Requests in non_finite of earlier chunks that were computed again in float32: with rows here, or still
  // without.
  std::vector<std::int64_t> recomputed;
  std::vector<std::int64_t> still_non_finite;
  // For observers; a run makes no decision by them.
  double time = 0.0;              // when it became durable, in seconds since 1970 by the clock of its machine
  std::int64_t tokens = 0;        // of the chunk's requests
  std::int64_t total_tokens = 0;  // of all requests of the shard
};

struct JournalContent {
  ResumeKey key;
  std::vector<ChunkRecord> chunks;
  std::vector<std::uint64_t> ends;  // end of each chunk's line, in bytes from the start of the file
  std::uint64_t key_end = 0;
};

// nullopt when there is no journal, or none with a complete first line. io error when it cannot be read.
std::optional<JournalContent> read_journal(const std::filesystem::path& path);

class Journal {
 public:
  // Creates a journal; it and its name are durable on return.
  Journal(io::FileSystem& files, const std::filesystem::path& path, const ResumeKey& key);
  // Resumes after the first `n_chunks` of `content`; the rest is cut off.
  Journal(io::FileSystem& files, const std::filesystem::path& path, const JournalContent& content,
          std::size_t n_chunks);

  void append(const ChunkRecord& chunk);  // durable on return

 private:
  void append_line(const std::string& line);
  io::WritableFile file_;
  std::uint64_t end_ = 0;
};

}  // namespace armorm::stages::resume
