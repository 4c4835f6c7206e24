// Models and data sets by Hub id, from the standard Hub cache on this machine
// (https://huggingface.co/docs/huggingface_hub/guides/manage-cache), or downloaded into it (hub/client.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "armorm/stop.h"

namespace armorm::hub {

enum class RepoKind { model, dataset };

// "org/name" or "name", either with "@revision": a branch, a tag, "refs/pr/1" or a commit's 40 hex digits.
struct HubId {
  std::string id;
  std::string revision = "main";
};

// nullopt when the text cannot be an id, e.g. "./model", "/data/model" or "a/b/c".
std::optional<HubId> parse_hub_id(std::string_view text);

// $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
// ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_folder();

// <cache>/models--org--name or <cache>/datasets--org--name
std::filesystem::path hub_repo_folder(const std::filesystem::path& cache, RepoKind kind,
                                      const std::string& id);

// <repo>/snapshots/<commit>, through <repo>/refs/<revision> unless the revision is a commit. nullopt when the
// revision was never downloaded; data error when a ref does not hold the name of a snapshot.
std::optional<std::filesystem::path> find_snapshot(const std::filesystem::path& cache, RepoKind kind,
                                                   const HubId& id);

// A local path unchanged; else the snapshot of the Hub id in the cache; else it is downloaded, unless
// HF_HUB_OFFLINE is set or the text, without a revision, ends like a file ("org/name.jsonl"). If the cache
// holds only some files of a snapshot, the others are downloaded. `stop` is polled during downloads and
// waits. io error that names the path or id and says what to do.
std::filesystem::path resolve_model(const std::string& path_or_id, const StopRequested& stop = {});
std::filesystem::path resolve_dataset(const std::string& path_or_id, const StopRequested& stop = {});

// Name of a model or data set in the names of files made from it: the last component of a path or id, the
// same for "org/name", "org/name@revision", ".../name", ".../name/" and the snapshot folder of a Hub cache.
// Usage error on an empty text.
std::string artifact_name(const std::string& path_or_id);

}  // namespace armorm::hub
