// The journal of one shard: which rows of its partial file are durable. One line per record, "<CRC-32 in hex>
// <JSON>": the first holds the resume key, each later one a chunk. It only ever grows; a line that is torn,
// damaged or out of place ends it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/writable_file.h"
#include "model/extractor.h"

namespace armorm {

// Everything that decides the bytes of a shard, by a name that a user understands.
using ResumeKey = std::map<std::string, std::string>;

struct ChunkRecord {
  ExtractionCursor after;                // where to go on
  std::int64_t requests = 0;             // that this chunk finished
  std::vector<std::int64_t> rows;        // of the partial file, in the order of the digest
  std::string sha256;                    // of their bytes, one after another
  std::vector<std::int64_t> non_finite;  // requests without rows: their embeddings are not finite
  // Requests that earlier chunks have under non_finite, computed again in float32: with rows here, and still
  // without.
  std::vector<std::int64_t> recomputed;
  std::vector<std::int64_t> still_non_finite;
  // For whoever watches; a run decides nothing by them.
  double time = 0.0;              // when it became durable, in seconds since 1970 by the clock of its machine
  std::int64_t tokens = 0;        // of the chunk's requests,
  std::int64_t total_tokens = 0;  // and of all of the shard
};

struct JournalContent {
  ResumeKey key;
  std::vector<ChunkRecord> chunks;
  std::vector<std::uint64_t> ends;  // of each chunk's line, in bytes from the start of the file
  std::uint64_t key_end = 0;
};

// Nothing when there is no journal, or none with a whole first line. io error when it cannot be read.
std::optional<JournalContent> read_journal(const std::filesystem::path& path);

class Journal {
 public:
  // A new one, durable with its name when this returns.
  Journal(FileSystem& files, const std::filesystem::path& path, const ResumeKey& key);
  // Goes on after the first `n_chunks` of `content`; what follows them is cut off.
  Journal(FileSystem& files, const std::filesystem::path& path, const JournalContent& content,
          std::size_t n_chunks);

  void append(const ChunkRecord& chunk);  // durable when this returns

 private:
  void append_line(const std::string& line);
  io::WritableFile file_;
  std::uint64_t end_ = 0;
};

}  // namespace armorm
