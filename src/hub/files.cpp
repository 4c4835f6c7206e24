// Which files of a repository are fetched, and which names are refused.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>

#include "core/accounting.h"
#include "core/error.h"
#include "hub/client.h"
#include "hub/snapshot.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/read_file.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxPartBytes = 255;  // NAME_MAX
constexpr std::size_t kMaxTokenizerConfigBytes = std::size_t{1} << 28;
constexpr std::size_t kMaxIndexBytes = std::size_t{1} << 28;
constexpr int kMaxIndexDepth = 16;
constexpr const char* kIndexName = "model.safetensors.index.json";

bool is_pytorch(std::string_view name) {
  const bool weights = name.starts_with("pytorch_model") && name.ends_with(".bin");
  return weights || name == "pytorch_model.bin.index.json" || name == "adapter_model.bin";
}

bool is_weights(std::string_view name) {
  return name.ends_with(".safetensors") || (is_pytorch(name) && name.ends_with(".bin"));
}

bool is_model_file(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return false;
  return name == "config.json" || name == "adapter_config.json" || name == "special_tokens_map.json" ||
         is_weights(name) || is_pytorch(name) || name.ends_with(".safetensors.index.json") ||
         name.starts_with("chat_template.") || (name.starts_with("tokenizer") && name.ends_with(".json"));
}

bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view end) { return name.ends_with(end); });
}

bool is_data_file(std::string_view name) {
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  }
  constexpr std::array<std::string_view, 7> kEndings = {".parquet", ".arrow", ".json", ".jsonl",
                                                        ".ndjson",  ".csv",   ".tsv"};
  return ends_with_any(name, kEndings);
}

// Holds rows, in a form that is not read here.
bool holds_other_rows(std::string_view name) {
  constexpr std::array<std::string_view, 9> kEndings = {".bz2", ".xz",  ".zip", ".tar", ".tgz",
                                                        ".7z",  ".lz4", ".pkl", ".h5"};
  return ends_with_any(name, kEndings);
}

// Says which files make the splits.
bool is_card(std::string_view name) { return name == "README.md" || name == ".huggingface.yaml"; }

bool is_hidden(std::string_view name) {
  return (name.starts_with('.') || name.find("/.") != std::string_view::npos) && !is_card(name);
}

bool is_safe_part(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.size() <= kMaxPartBytes;
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  const auto refused = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; };
  if (std::any_of(name.begin(), name.end(), refused)) return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    if (!is_safe_part(name.substr(start, end - start))) return false;
    start = end + 1;
  }
  return true;
}

std::string printable(std::string_view name) {
  std::string out(name.substr(0, 200));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

void check_names(const std::string& id, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!is_safe_name(name))
      fail_data(
          "{}: a file is named \"{}\", expected a relative path without \"..\", backslashes or control "
          "characters; do not trust this repository",
          id, printable(name));
  }
}

void warn_of_other_rows(const std::string& id, const std::vector<std::string>& names) {
  Accounting account(id, "file");
  for (const std::string& name : names)
    if (holds_other_rows(name) && !is_hidden(name)) account.give(name);
  account.warn_of_rest("it is not fetched, as no rows are read from its format");
}

// Of an adapter, which comes with other weights or alone.
bool is_adapter(std::string_view name) { return name.starts_with("adapter_model."); }

// Some repositories hold a second copy of the weights, e.g. consolidated.safetensors or pytorch_model.bin.
void drop_second_weights(std::vector<std::string>& names) {
  const auto is_main = [](const std::string& name) { return is_weights(name) && name.starts_with("model"); };
  const auto is_second = [&](const std::string& name) {
    return (is_weights(name) || is_pytorch(name)) && !is_main(name) && !is_adapter(name);
  };
  if (std::any_of(names.begin(), names.end(), is_main)) std::erase_if(names, is_second);
  if (std::find(names.begin(), names.end(), "adapter_model.safetensors") != names.end())
    std::erase(names, "adapter_model.bin");
}

// tokenizer_config.json is linked after all other files of a model, so an incomplete snapshot lacks it.
bool has_text_side(const fs::path& snapshot) {
  const fs::path config = snapshot / "tokenizer_config.json";
  if (!fs::exists(snapshot / "tokenizer.json") || !fs::exists(config)) return false;
  return fs::exists(snapshot / "chat_template.jinja") || fs::exists(snapshot / "chat_template.json") ||
         io::read_text_file(config, kMaxTokenizerConfigBytes).find("\"chat_template\"") != std::string::npos;
}

bool has_all_shards(const fs::path& snapshot) {
  const fs::path index = snapshot / kIndexName;
  const nlohmann::json json =
      io::parse_checked_json(io::read_text_file(index, kMaxIndexBytes), index.string(), kMaxIndexDepth);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) return true;  // its reader reports the error
  std::set<std::string> shards;
  for (const nlohmann::json& shard : *map)
    if (shard.is_string()) shards.insert(shard.get_ref<const std::string&>());
  return std::all_of(shards.begin(), shards.end(), [&](const std::string& shard) {
    return !io::is_plain_file_name(shard) || fs::exists(snapshot / shard);
  });
}

}  // namespace

std::vector<std::string> files_to_fetch(RepoKind kind, const std::string& id,
                                        const std::vector<std::string>& names) {
  const bool is_model = kind == RepoKind::model;
  std::vector<std::string> wanted;
  for (const std::string& name : names) {
    if (is_model ? is_model_file(name) : is_card(name) || is_data_file(name)) wanted.push_back(name);
  }
  if (!is_model) warn_of_other_rows(id, names);
  check_names(id, wanted);
  std::erase_if(wanted, is_hidden);
  if (is_model) drop_second_weights(wanted);
  const auto is_content = [&](const std::string& name) {
    return is_model ? is_weights(name) : !is_card(name);
  };
  if (std::none_of(wanted.begin(), wanted.end(), is_content))
    fail_data("{}: found {} files, but none of {}; convert the repository or choose another", id,
              names.size(),
              is_model ? "*.safetensors and pytorch_model*.bin" : "Parquet, Arrow, JSON, CSV or TSV");
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  return wanted;
}

bool is_complete_snapshot(RepoKind kind, const fs::path& snapshot) {
  if (is_marked_whole(snapshot)) return true;
  if (kind == RepoKind::dataset || !fs::exists(snapshot / "config.json") || !has_text_side(snapshot))
    return false;
  if (fs::exists(snapshot / kIndexName)) return has_all_shards(snapshot);
  return std::ranges::any_of(fs::directory_iterator(snapshot), [](const fs::directory_entry& entry) {
    return entry.path().extension() == ".safetensors" && entry.exists();
  });
}

}  // namespace armorm::hub
