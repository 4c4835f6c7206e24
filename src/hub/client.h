// Downloads models and data sets from the Hub into the standard cache, which other programs share:
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache and https://huggingface.co/docs/hub/api
// (GET /api/models|datasets/{id}/revision/{revision}, .../resolve/...).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hub/cache.h"
#include "hub/http.h"

namespace armorm::hub {

struct HubClientOptions {
  std::filesystem::path cache;  // default: hub_cache_folder()
  std::string endpoint = "https://huggingface.co";
  std::string token;  // empty = none; never in logs, messages or requests to other hosts
  HttpOptions http;
};

// From HF_ENDPOINT, HF_TOKEN (or the file HF_TOKEN_PATH, else $HF_HOME/token; HF_HUB_DISABLE_IMPLICIT_TOKEN=1
// sends none) and the cache's variables. Usage error for an endpoint that is not a URL or an invalid token.
HubClientOptions hub_client_options();

// The variable that keeps repositories of this kind from being fetched, as it is 1, ON, YES or TRUE:
// HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE or, for data sets, HF_DATASETS_OFFLINE. Empty when there is none.
std::string offline_variable(RepoKind kind);

// The files of a repository that the toolchain reads. Models: config.json, adapter_config.json, *.safetensors
// with their index, else pytorch_model*.bin with theirs, tokenizer*.json, special_tokens_map.json,
// chat_template.*, at the top level. Data sets: README.md, .huggingface.yaml and Parquet, Arrow, JSON
// (Lines), CSV and TSV files, plain or with .gz or .zst, of all splits. Data error when a name could lead out
// of the cache, or when there is nothing to read.
std::vector<std::string> files_to_fetch(RepoKind kind, const std::string& id,
                                        const std::vector<std::string>& names);

// True when the snapshot once held all files of files_to_fetch() and still does. A model is also complete,
// whoever downloaded it, if it has config.json, weights (all shards that its index names), tokenizer.json,
// tokenizer_config.json and a chat template. Only the Hub knows the files of a data set, so false there means
// "ask the Hub".
bool is_complete_snapshot(RepoKind kind, const std::filesystem::path& snapshot);

// Downloads what the cache lacks and returns <cache>/models--org--name/snapshots/<commit>. The next call
// resumes an interrupted download. Every file is checked against its SHA-256 (LFS) or git SHA-1 before it
// becomes visible, and the snapshot appears when all files are there. Safe against other processes and
// threads that download the same repository. io error when the Hub cannot be reached or refuses, or the disk
// is too small; data error when the Hub's content is wrong.
std::filesystem::path fetch_snapshot(const HubClientOptions& options, RepoKind kind, const HubId& id);

}  // namespace armorm::hub
