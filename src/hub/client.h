// Models and data sets fetched from the Hub into the standard cache, which other programs share:
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache and
// https://huggingface.co/docs/hub/api (GET /api/models|datasets/{id}/revision/{revision}, .../resolve/...).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hub/cache.h"
#include "hub/http.h"

namespace armorm {

struct HubClientOptions {
  std::filesystem::path cache;  // as hub_cache_folder()
  std::string endpoint = "https://huggingface.co";
  std::string token;  // empty = none; never in logs, messages or requests to other hosts
  HttpOptions http;
};

// From HF_ENDPOINT, HF_TOKEN (or the file HF_TOKEN_PATH, else $HF_HOME/token; HF_HUB_DISABLE_IMPLICIT_TOKEN=1
// sends none) and the cache's variables. Usage error for an endpoint that is no URL or a token that cannot be
// one.
HubClientOptions hub_client_options();

// HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is 1, ON, YES or TRUE.
bool hub_is_offline();

// The files of a repository that the toolchain reads. Models: config.json, *.safetensors with their index,
// tokenizer*.json, special_tokens_map.json, chat_template.*, at the top level. Data sets: README.md and
// Parquet, Arrow, JSON (Lines), CSV and TSV files, plain or with .gz or .zst, of all splits. Data error when
// one of them has a name that could lead out of the cache, or when there is nothing to read.
std::vector<std::string> files_to_fetch(RepoKind kind, const std::string& id,
                                        const std::vector<std::string>& names);

// True when all that files_to_fetch() names was once seen in the snapshot and still is there. Of a model also
// when it has config.json, weights (all shards that its index names), tokenizer.json, tokenizer_config.json
// and a chat template, whoever fetched them; of a data set nobody but the Hub knows, and false means "ask
// it".
bool is_complete_snapshot(RepoKind kind, const std::filesystem::path& snapshot);

// Downloads what the cache lacks and returns <cache>/models--org--name/snapshots/<commit>. A broken download
// is continued by the next one. Every file is checked against its SHA-256 (LFS) or git SHA-1 before anyone
// can see it, and the snapshot appears when all files are there. Safe against other processes and threads
// that fetch the same repository. io error when the Hub cannot be reached or refuses, or the disk is too
// small; data error when what it sends is wrong.
std::filesystem::path fetch_snapshot(const HubClientOptions& options, RepoKind kind, const HubId& id);

}  // namespace armorm
