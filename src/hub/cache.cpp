#include "hub/cache.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "hub/client.h"
#include "hub/environment.h"
#include "hub/snapshot.h"
#include "io/read_file.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxNameLength = 96;
constexpr std::size_t kMaxRevisionLength = 1024;
constexpr std::size_t kMaxPartLength = 255;  // NAME_MAX
constexpr std::size_t kMaxRefBytes = 4096;

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The Hub's rules for the two components of an id.
bool is_name(std::string_view name) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  const auto at_edge = [](char c) { return c != '-' && c != '.'; };
  return !name.empty() && name.size() <= kMaxNameLength && std::all_of(name.begin(), name.end(), allowed) &&
         at_edge(name.front()) && at_edge(name.back()) && name.find("--") == std::string_view::npos &&
         name.find("..") == std::string_view::npos && !name.ends_with(".git");
}

// A revision becomes a path below refs/, so it must not lead out of that folder.
bool is_revision(std::string_view revision) {
  if (revision.empty() || revision.size() > kMaxRevisionLength ||
      revision.find('\0') != std::string_view::npos)
    return false;
  const fs::path path(revision);
  return path.is_relative() && path.has_filename() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) {
           return part == ".." || part == "." || part.native().size() > kMaxPartLength;
         });
}

// Without a revision, such a text is far more often a mistyped path than an id.
bool is_file_name(std::string_view text) {
  static constexpr std::string_view kEndings[] = {
      ".arrow", ".bin",     ".csv", ".feather",     ".gz",  ".json", ".jsonl", ".ndjson", ".npy",
      ".npz",   ".parquet", ".pt",  ".safetensors", ".tsv", ".txt",  ".xz",    ".zip",    ".zst"};
  return text.find('@') == std::string_view::npos &&
         std::ranges::any_of(kEndings, [&](std::string_view ending) { return text.ends_with(ending); });
}

std::string_view prefix_of(RepoKind kind) { return kind == RepoKind::model ? "models" : "datasets"; }

std::string commit_in(const fs::path& ref) {
  std::string commit = io::read_text_file(ref, kMaxRefBytes);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r' || commit.back() == ' '))
    commit.pop_back();
  if (!is_commit(commit))
    fail_data("{}: expected 40 hexadecimal digits of a commit; download it again", ref.string());
  return commit;
}

// `partial`: incomplete snapshot of another program. Its commit is completed even if the branch has moved. It
// is used as it is when the Hub cannot be reached.
fs::path fetch(RepoKind kind, HubId id, const std::optional<fs::path>& partial, const StopRequested& stop) {
  if (partial) id.revision = partial->filename().string();
  try {
    HubClientOptions options = hub_client_options();
    options.http.stop_requested = stop;
    return fetch_snapshot(options, kind, id);
  } catch (const Error& error) {
    if (!partial || error.kind() != ErrorKind::io) throw;
    log::warn("{}; using what the Hub cache has in {}", error.what(), partial->string());
    return *partial;
  }
}

fs::path resolve(const std::string& path_or_id, RepoKind kind, const StopRequested& stop) {
  std::error_code ignored;
  if (!path_or_id.empty() && fs::exists(path_or_id, ignored)) return path_or_id;
  const std::optional<HubId> id = parse_hub_id(path_or_id);
  // A URL may contain a password.
  if (!id)
    fail_io("{}: not found; expected a local path or a Hub id such as org/name[@revision]",
            path_or_id.find("://") != std::string::npos ? url_for_messages(path_or_id) : path_or_id);
  const fs::path cache = hub_cache_folder();
  const std::optional<fs::path> snapshot = find_snapshot(cache, kind, *id);
  const bool complete = snapshot && is_complete_snapshot(kind, *snapshot);
  const std::string offline = offline_variable(kind);
  if (snapshot && !complete && !offline.empty())
    log::info("{}: {} is set, so it is unknown whether the Hub cache has all its files", path_or_id, offline);
  if (complete || (snapshot && !offline.empty())) return *snapshot;
  if (!snapshot && is_file_name(path_or_id))
    fail_io("{0}: no such file; if it is a Hub id, write it with its revision: {0}@main", path_or_id);
  if (offline.empty()) return fetch(kind, *id, snapshot, stop);
  const bool is_model = kind == RepoKind::model;
  fail_io(
      "{}: neither a local path nor, at revision \"{}\", a {} in the Hub cache {}, and {} is "
      "set; download it with: hf "
      "download {}{}{}",
      path_or_id, id->revision, is_model ? "model" : "data set", cache.string(), offline, id->id,
      is_model ? "" : " --repo-type dataset", id->revision == "main" ? "" : " --revision " + id->revision);
}

// "name" of ".../models--org--name/snapshots/<commit>"
std::optional<std::string> name_of_snapshot(const fs::path& path) {
  if (path.parent_path().filename() != "snapshots") return std::nullopt;
  const std::string repo = path.parent_path().parent_path().filename().string();
  if (!repo.starts_with("models--") && !repo.starts_with("datasets--")) return std::nullopt;
  return repo.substr(repo.rfind("--") + 2);
}

}  // namespace

std::optional<HubId> parse_hub_id(std::string_view text) {
  HubId parsed;
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    parsed.revision = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const std::size_t slash = text.find('/');
  const bool has_owner = slash != std::string_view::npos;
  if (has_owner && !is_name(text.substr(0, slash))) return std::nullopt;
  if (!is_name(has_owner ? text.substr(slash + 1) : text) || !is_revision(parsed.revision))
    return std::nullopt;
  parsed.id = text;
  return parsed;
}

fs::path hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string cache = environment(name); !cache.empty()) return expanded(cache);
  }
  return hub_home() / "hub";
}

fs::path hub_repo_folder(const fs::path& cache, RepoKind kind, const std::string& id) {
  std::string flat = id;
  if (const std::size_t slash = flat.find('/'); slash != std::string::npos) flat.replace(slash, 1, "--");
  return cache / fmt::format("{}--{}", prefix_of(kind), flat);
}

std::optional<fs::path> find_snapshot(const fs::path& cache, RepoKind kind, const HubId& id) {
  const fs::path repo = hub_repo_folder(cache, kind, id.id);
  std::string commit = id.revision;
  const fs::path ref = repo / "refs" / id.revision;
  if (fs::is_regular_file(ref)) {
    commit = commit_in(ref);
  } else if (!is_commit(commit)) {
    return std::nullopt;
  }
  fs::path snapshot = repo / "snapshots" / commit;
  if (!fs::is_directory(snapshot)) return std::nullopt;
  return snapshot;
}

fs::path resolve_model(const std::string& path_or_id, const StopRequested& stop) {
  return resolve(path_or_id, RepoKind::model, stop);
}
fs::path resolve_dataset(const std::string& path_or_id, const StopRequested& stop) {
  return resolve(path_or_id, RepoKind::dataset, stop);
}

std::string artifact_name(const std::string& path_or_id) {
  if (path_or_id.empty()) fail_usage("the path of a model or data set is empty; expected a path or a Hub id");
  std::error_code ignored;
  if (!fs::exists(path_or_id, ignored)) {
    if (const std::optional<HubId> id = parse_hub_id(path_or_id)) return fs::path(id->id).filename().string();
  }
  fs::path path = fs::path(path_or_id).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // trailing slash
  // "." and ".." have the name of the folder they refer to.
  if (path == "." || path.filename() == "..") path = fs::weakly_canonical(path);
  if (const std::optional<std::string> name = name_of_snapshot(path)) return *name;
  if (path.filename().empty()) fail_usage("{}: has no name; expected a folder or file below it", path_or_id);
  return path.filename().string();
}

}  // namespace armorm::hub
