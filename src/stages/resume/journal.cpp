#include "stages/resume/journal.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "core/hash.h"
#include "io/publish.h"
#include "io/read_file.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::size_t kMaxJournalBytes = std::size_t{1} << 32;
constexpr std::size_t kChecksumDigits = 8;

std::string line_of(const json& record) {
  const std::string text = record.dump();
  return fmt::format("{:08x} {}\n", crc32(text), text);
}

// The record of a line without its line end; nullopt when the line is damaged.
std::optional<json> parse_line(std::string_view line) {
  if (line.size() <= kChecksumDigits + 1 || line[kChecksumDigits] != ' ') return std::nullopt;
  const std::string_view text = line.substr(kChecksumDigits + 1);
  if (fmt::format("{:08x}", crc32(text)) != line.substr(0, kChecksumDigits)) return std::nullopt;
  json record = json::parse(text, nullptr, false);
  if (record.is_discarded()) return std::nullopt;
  return record;
}

json to_json(const ChunkRecord& chunk) {
  return {{"next_sequence", chunk.after.next_sequence},
          {"budget", chunk.after.budget},
          {"requests", chunk.requests},
          {"rows", chunk.rows},
          {"sha256", chunk.sha256},
          {"non_finite", chunk.non_finite},
          {"recomputed", chunk.recomputed},
          {"still_non_finite", chunk.still_non_finite},
          {"time", chunk.time},
          {"tokens", chunk.tokens},
          {"total_tokens", chunk.total_tokens}};
}

bool holds_whole_numbers(const json& list) {
  return list.is_array() &&
         std::all_of(list.begin(), list.end(), [](const json& n) { return n.is_number_integer(); });
}

std::optional<ChunkRecord> to_chunk(const json& record) {
  try {
    if (!record.at("next_sequence").is_number_unsigned() || !record.at("budget").is_number_integer() ||
        !record.at("requests").is_number_integer())
      return std::nullopt;
    const json again = record.value("recomputed", json::array()),
               still = record.value("still_non_finite", json::array());
    for (const json* list : {&record.at("rows"), &record.at("non_finite"), &again, &still})
      if (!holds_whole_numbers(*list)) return std::nullopt;
    ChunkRecord chunk;
    record.at("next_sequence").get_to(chunk.after.next_sequence);
    record.at("budget").get_to(chunk.after.budget);
    record.at("requests").get_to(chunk.requests);
    record.at("rows").get_to(chunk.rows);
    record.at("sha256").get_to(chunk.sha256);
    record.at("non_finite").get_to(chunk.non_finite);
    again.get_to(chunk.recomputed);
    still.get_to(chunk.still_non_finite);
    chunk.time = record.value("time", 0.0);
    chunk.tokens = record.value("tokens", std::int64_t{0});
    chunk.total_tokens = record.value("total_tokens", std::int64_t{0});
    return chunk;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

// The journal's first line.
std::optional<ResumeKey> to_key(const json& record) {
  try {
    return record.at("resume_key").get<ResumeKey>();
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<JournalContent> read_journal(const fs::path& path) {
  if (!io::exists(path)) return std::nullopt;
  const std::string text = io::read_text_file(path, kMaxJournalBytes);
  std::optional<JournalContent> content;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) return content;
    const auto record = parse_line(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (!record) return content;
    if (!content) {
      const auto key = to_key(*record);
      if (!key) return std::nullopt;
      content = JournalContent{*key, {}, {}, begin};
      continue;
    }
    const auto chunk = to_chunk(*record);
    if (!chunk) return content;
    content->chunks.push_back(*chunk);
    content->ends.push_back(begin);
  }
}

Journal::Journal(io::FileSystem& files, const fs::path& path, const ResumeKey& key)
    : file_(files, path, O_CREAT | O_TRUNC) {
  append_line(line_of({{"resume_key", key}}));
  io::sync_folder(files, io::folder_of(path));
}

Journal::Journal(io::FileSystem& files, const fs::path& path, const JournalContent& content,
                 std::size_t n_chunks)
    : file_(files, path, 0), end_(n_chunks == 0 ? content.key_end : content.ends.at(n_chunks - 1)) {
  file_.truncate(end_);
  file_.sync();
  io::sync_folder(files, io::folder_of(path));  // the process that created it may have died before this
}

void Journal::append(const ChunkRecord& chunk) { append_line(line_of(to_json(chunk))); }

void Journal::append_line(const std::string& line) {
  file_.write_at(end_, std::as_bytes(std::span(line)));
  file_.sync_data();
  end_ += line.size();
}

}  // namespace armorm::stages::resume
