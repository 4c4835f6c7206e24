#include "stages/status/shard_status.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "io/publish.h"
#include "stages/artifacts/provenance.h"
#include "stages/resume/durable_rows.h"

namespace armorm::stages::status {
namespace fs = std::filesystem;
namespace {

constexpr double kRateSeconds = 600.0;  // the rate covers this much of a run's latest work

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Seconds since 1970; 0 when the file does not exist.
double written_at(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return 0.0;
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

// Also true when the system cannot say.
bool may_be_there(const fs::path& file) {
  std::error_code error;
  return fs::exists(file, error) || error;
}

// Takes the facts in the file's metadata.
void describe(const io::SafetensorsFile& file, ShardStatus& status) {
  const std::string name = file.path().string();
  if (!artifacts::Provenance::present_in(file.metadata())) {
    status.rows = file.at("embeddings").shape.at(0);
    return;
  }
  const artifacts::Provenance p = artifacts::Provenance::from_metadata(file.metadata(), name);
  status.program = p.kind == "preference" ? "stage2-prepare" : "stage1-prepare";
  status.rows = p.rows;
  status.source_rows = p.source_rows;
}

void read_published(ShardStatus& status) {
  try {
    describe(io::SafetensorsFile::open(status.target), status);
    status.state = ShardState::done;
    status.rows_done = *status.rows;
  } catch (const Error& error) {
    if (!may_be_there(status.target)) return;
    status.state = ShardState::damaged;
    status.problem = error.what();
  }
}

// Work and time of the chunks of one process, without its first chunk, which includes loading.
void measure_rate(const std::vector<resume::ChunkRecord>& chunks, double since, double requests_per_row,
                  ShardStatus& status) {
  if (chunks.empty()) return;
  const double end = chunks.back().time;
  const double begin = std::max(since, end - kRateSeconds);
  const auto base = std::find_if(chunks.begin(), chunks.end(),
                                 [&](const resume::ChunkRecord& c) { return c.time >= begin; });
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  for (auto chunk = base + 1; base != chunks.end() && chunk != chunks.end(); ++chunk) {
    requests += chunk->requests;
    tokens += chunk->tokens;
  }
  if (requests == 0 || !(end > base->time)) return;
  status.rows_per_second = static_cast<double>(requests) / requests_per_row / (end - base->time);
  if (tokens == 0) return;
  status.tokens_per_second = static_cast<double>(tokens) / (end - base->time);
  status.seconds_left = static_cast<double>(*status.tokens - status.tokens_done) / status.tokens_per_second;
}

// Counts the rows in the journal; the rows themselves are not read.
void read_progress(ShardStatus& status) {
  std::optional<resume::JournalContent> journal;
  try {
    describe(io::SafetensorsFile::open(io::AtomicFile::resumed_name(status.target)), status);
    journal = resume::read_journal(resume::journal_path(status.target));
  } catch (const Error&) {  // not there yet, incomplete, or gone
  }
  if (!journal) return;
  const int requests_per_row = status.program == "stage2-prepare" ? 2 : 1;
  std::int64_t requests = 0;
  for (const resume::ChunkRecord& chunk : journal->chunks) {
    requests += chunk.requests;
    status.tokens_done += chunk.tokens;
    status.tokens = chunk.total_tokens;
  }
  status.rows_done = requests / requests_per_row;
  if (status.state == ShardState::running)
    measure_rate(journal->chunks, resume::started_at(*status.owner), requests_per_row, status);
}

void read_unpublished(ShardStatus& status) {
  const std::string lock = status.target.string() + ".lock";
  const double partial_time = written_at(io::AtomicFile::resumed_name(status.target));
  const double last =
      std::max({partial_time, written_at(resume::journal_path(status.target)), written_at(lock)});
  if (last == 0.0) return;
  status.silent_seconds = std::max(0.0, now() - last);
  status.owner = resume::read_lock_owner(lock);
  if (status.owner && resume::is_held(lock, *status.owner, status.silent_seconds)) {
    status.state = ShardState::running;
  } else if (partial_time > 0.0) {
    status.state = ShardState::interrupted;
  }
  if (status.state != ShardState::missing) read_progress(status);
}

}  // namespace

ShardStatus shard_status(const fs::path& target) {
  ShardStatus unpublished;
  unpublished.target = target;
  read_unpublished(unpublished);
  if (unpublished.state == ShardState::running && may_be_there(io::AtomicFile::resumed_name(target)))
    return unpublished;
  // Checked last, so that a run published meanwhile does not count as missing.
  ShardStatus published;
  published.target = target;
  read_published(published);
  return published.state == ShardState::missing ? unpublished : published;
}

}  // namespace armorm::stages::status
