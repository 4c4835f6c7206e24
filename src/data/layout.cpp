#include "data/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/dataset_card.h"
#include "data/glob.h"
#include "data/shard_names.h"
#include "data/unread_files.h"
#include "hub/snapshot.h"
#include "io/contained_path.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

using Files = std::vector<std::string>;

constexpr std::string_view kShardSuffix = "-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*";
constexpr std::string_view kSeparators = "[-._ 0-9]";

struct Keywords {
  const char* split;
  std::vector<std::string> words;
};

const std::vector<Keywords>& keywords() {
  static const std::vector<Keywords> kKeywords{{"train", {"train", "training"}},
                                               {"validation", {"validation", "valid", "dev", "val"}},
                                               {"test", {"test", "testing", "eval", "evaluation"}}};
  return kKeywords;
}

struct Extension {
  std::string_view suffix;
  Format format;
  int rank;  // between two formats with as many files, the higher rank wins
};
constexpr std::array<Extension, 9> kExtensions{{{"parquet", Format::parquet, 9},
                                                {"arrow", Format::arrow, 8},
                                                {"jsonl", Format::json, 7},
                                                {"json", Format::json, 6},
                                                {"csv", Format::csv, 5},
                                                {"tsv", Format::csv, 4},
                                                {"ndjson", Format::json, 3},
                                                {"gpq", Format::parquet, 2},
                                                {"geoparquet", Format::parquet, 1}}};

// Other programs fill the Hub cache file by file.
bool may_be_partial(const fs::path& folder) {
  return hub::is_hub_snapshot(folder) && !hub::is_marked_whole(folder);
}

std::string remedy(const fs::path& folder) {
  if (!may_be_partial(folder)) return "";
  return "; the Hub cache may hold only a part: run without HF_HUB_OFFLINE, or fetch all of it with: " +
         hub::download_command(folder);
}

// The components of the name after its first dot.
std::vector<std::string> suffixes_of(const std::string& name) {
  std::vector<std::string> suffixes;
  for (std::size_t dot = name.find('.'); dot != std::string::npos;) {
    const std::size_t next = name.find('.', dot + 1);
    suffixes.push_back(name.substr(dot + 1, next == std::string::npos ? next : next - dot - 1));
    dot = next;
  }
  return suffixes;
}

// The last known one.
const Extension* extension_in(const std::string& name) {
  const std::vector<std::string> suffixes = suffixes_of(name);
  for (auto suffix = suffixes.rbegin(); suffix != suffixes.rend(); ++suffix) {
    for (const Extension& extension : kExtensions) {
      if (*suffix == extension.suffix) return &extension;
    }
  }
  return nullptr;
}

// In any case.
const Extension* extension_of(const fs::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension_in(name);
}

std::vector<std::string> name_patterns(const std::string& word) {
  const std::string sep(kSeparators);
  return {"**/" + word + sep + "*", "**/*" + sep + word + sep + "*"};
}

std::vector<std::string> folder_patterns(const std::string& word) {
  const std::string sep(kSeparators);
  return {"**/" + word + "/**", "**/" + word + sep + "*/**", "**/*" + sep + word + "/**",
          "**/*" + sep + word + sep + "*/**"};
}

// data/<split>-00000-of-00001.<extension>, with any name for the split.
SplitPatterns shard_patterns(const Files& files) {
  std::set<std::string> names;
  for (const std::string& file : select_files("data/*" + std::string(kShardSuffix), files)) {
    // The split precedes the first "-ddddd-of-ddddd"; names themselves hold no dash.
    const std::string name = fs::path(file).filename().string();
    for (std::size_t dash = name.find('-'); dash != std::string::npos; dash = name.find('-', dash + 1)) {
      if (matches("*" + std::string(kShardSuffix), "x" + name.substr(dash))) {
        names.insert(name.substr(0, dash));
        break;
      }
    }
  }
  std::vector<std::string> ordered;
  for (const Keywords& known : keywords()) {
    if (names.erase(known.split) != 0) ordered.emplace_back(known.split);
  }
  ordered.insert(ordered.end(), names.begin(), names.end());
  SplitPatterns patterns;
  for (const std::string& split : ordered)
    patterns.push_back({split, {"data/" + split + std::string(kShardSuffix)}});
  return patterns;
}

SplitPatterns keyword_patterns(const Files& files,
                               std::vector<std::string> (*patterns_of)(const std::string&)) {
  SplitPatterns found;
  for (const Keywords& known : keywords()) {
    std::vector<std::string> patterns;
    for (const std::string& word : known.words) {
      for (const std::string& pattern : patterns_of(word)) patterns.push_back(pattern);
    }
    const bool any = std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
      return !select_files(pattern, files).empty();
    });
    if (any) found.emplace_back(known.split, std::move(patterns));
  }
  return found;
}

// The first rule that finds a file decides for all splits.
SplitPatterns default_patterns(const Files& files) {
  SplitPatterns patterns = shard_patterns(files);
  if (patterns.empty()) patterns = keyword_patterns(files, folder_patterns);
  if (patterns.empty()) patterns = keyword_patterns(files, name_patterns);
  if (patterns.empty()) patterns = {{"train", {"**"}}};
  return patterns;
}

struct Repository {
  fs::path root;
  Files files;  // relative to the root
  SplitPatterns patterns;
};

// The files below a folder; the configs of a card mostly share one.
using Listings = std::map<fs::path, Files>;

// Patterns of a card are also relative to its data_dir, as in `datasets` (BuilderConfig._resolve_data_files).
Repository repository_of(const fs::path& folder, const CardConfig& config, Listings& listings) {
  Repository repository;
  repository.root = folder / config.data_dir;
  if (!listings.contains(repository.root)) listings[repository.root] = list_files(repository.root);
  repository.files = listings[repository.root];
  repository.patterns = config.data_files ? *config.data_files : default_patterns(repository.files);
  return repository;
}

// The files of all splits of all configs.
void account_for_files(const fs::path& folder, const std::vector<CardConfig>& configs, Listings& listings) {
  std::vector<fs::path> read;
  for (const CardConfig& config : configs) {
    if (!fs::is_directory(folder / config.data_dir)) continue;
    const Repository repository = repository_of(folder, config, listings);
    for (const auto& [split, patterns] : repository.patterns)
      for (const std::string& pattern : patterns)
        for (const std::string& file : select_files(pattern, repository.files))
          read.push_back(repository.root / file);
  }
  warn_of_unread_files(folder, read);
}

Repository open_repository(const DatasetOptions& options) {
  const std::optional<CardConfigs> configs = read_card_configs(options.path, options.config);
  if (!configs && !options.config.empty()) {
    fail_data("{}: no config \"{}\": there is no README.md with configs; leave out `dataset_config`",
              options.path.string(), options.config);
  }
  const std::vector<CardConfig> all = configs ? configs->all : std::vector<CardConfig>(1);
  Listings listings;
  account_for_files(options.path, all, listings);
  return repository_of(options.path, all[configs ? configs->chosen : 0], listings);
}

// Keeps only the files of the most frequent format, since `datasets` reads one format only, with its
// extension in lower case. Returns the others.
Files keep_one_format(Files& files) {
  std::map<std::string_view, int> counts;
  for (const std::string& file : files) {
    for (const std::string& suffix : suffixes_of(fs::path(file).filename().string())) {
      for (const Extension& extension : kExtensions) {
        if (suffix == extension.suffix) ++counts[extension.suffix];
      }
    }
  }
  const Extension* best = nullptr;
  for (const Extension& extension : kExtensions) {  // by rank, so that the first of equals stays
    const auto count = counts.find(extension.suffix);
    if (count == counts.end()) continue;
    if (best == nullptr || count->second > counts[best->suffix]) best = &extension;
  }
  const auto others = std::stable_partition(files.begin(), files.end(), [&](const std::string& file) {
    const Extension* extension = extension_in(fs::path(file).filename().string());
    return best != nullptr && extension != nullptr && extension->format == best->format;
  });
  Files unread(others, files.end());
  files.erase(others, files.end());
  return unread;
}

// "a, b, ...", of at most five names
std::string shown_names(Files names) {
  constexpr std::size_t kShown = 5;
  const bool cut = names.size() > kShown;
  if (cut) names.resize(kShown);
  return fmt::format("{}{}", fmt::join(names, ", "), cut ? ", ..." : "");
}

// Checks only shards that the pattern would have chosen: a card may name one of several on purpose.
void check_shards(const std::string& pattern, const Files& selected, const DatasetOptions& options,
                  const std::string& split) {
  const Files missing = missing_shards(selected);
  const Files wanted = select_files(pattern, missing);
  if (wanted.empty()) return;
  const std::string what = fmt::format("{}: the split \"{}\" lacks {} of its files: {}",
                                       options.path.string(), split, wanted.size(), shown_names(wanted));
  if (may_be_partial(options.path)) fail_io("{}{}", what, remedy(options.path));
  log::warn("{}; only those that are there are read", what);
}

void warn_of_unread(Files unread, const Files& read, const fs::path& root, const std::string& split) {
  std::erase_if(unread, describes_data);
  if (unread.empty() || read.empty()) return;
  log::warn(
      "{}: {} files of the split \"{}\" are not read, as a split has one format (here that of {}), with its "
      "extension in lower case: {}; give "
      "each format a split of its own, or name the file as the data set",
      root.string(), unread.size(), split, read.front(), shown_names(unread));
}

// `datasets` reads a file once for each pattern that matches it.
void warn_of_repeated(const Files& repeated, const fs::path& root, const std::string& split) {
  if (repeated.empty()) return;
  log::warn(
      "{}: several patterns (of data_files, or of the split's names) match files of the split \"{}\", which "
      "`datasets` reads once for each; they are read once: {}",
      root.string(), split, shown_names(repeated));
}

Files resolve(const std::vector<std::string>& patterns, const Repository& repository,
              const DatasetOptions& options, const std::string& split) {
  Files resolved, repeated;
  std::set<std::string> seen;
  for (const std::string& pattern : patterns) {
    const Files selected = select_files(pattern, repository.files);
    if (selected.empty() && !has_wildcards(pattern)) {
      fail_data("{}: the file \"{}\" named in README.md is missing{}", repository.root.string(), pattern,
                remedy(options.path));
    }
    check_shards(pattern, selected, options, split);
    for (const std::string& file : selected) (seen.insert(file).second ? resolved : repeated).push_back(file);
  }
  warn_of_repeated(repeated, repository.root, split);
  const Files unread = keep_one_format(resolved);
  warn_of_unread(unread, resolved, repository.root, split);
  return resolved;
}

std::string join_names(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string split_place(const DatasetOptions& options) {
  return fmt::format("{}: the split \"{}\"", options.path.string(), options.split);
}

[[noreturn]] void fail_split(const DatasetOptions& options, const std::vector<std::string>& splits) {
  fail_data("{}: no split \"{}\"; expected one of: {}{}", options.path.string(), options.split,
            join_names(splits), remedy(options.path));
}

// The files of the split `name`.
std::vector<fs::path> saved_split_files(const DatasetOptions& options, const std::string& name) {
  std::vector<fs::path> files = saved_files(options.path, name);
  for (const fs::path& file : files) io::check_stays_inside(file, options.path);
  return files;
}

// The files of the split `name`.
std::vector<fs::path> repository_split_files(const Repository& repository, const DatasetOptions& options,
                                             const std::string& name) {
  const auto found =
      std::find_if(repository.patterns.begin(), repository.patterns.end(),
                   [&](const SplitPatterns::value_type& split) { return split.first == name; });
  std::vector<fs::path> files;
  for (const std::string& file : resolve(found->second, repository, options, name))
    files.push_back(repository.root / file);
  if (files.empty()) {
    fail_io(
        "{}: no data files for the split \"{}\"; expected .parquet, .arrow, .jsonl, .json or .csv files, in "
        "lower case{}",
        repository.root.string(), name, remedy(options.path));
  }
  for (const fs::path& file : files) io::check_stays_inside(file, options.path);
  return files;
}

using FilesOf = std::function<std::vector<fs::path>(const std::string& name)>;

std::vector<SplitPart> parts_of(const std::vector<SplitSlice>& slices, const FilesOf& files_of) {
  std::map<std::string, std::vector<fs::path>> files;
  std::vector<SplitPart> parts;
  for (const SplitSlice& slice : slices) {
    const auto [known, is_new] = files.try_emplace(slice.name);
    if (is_new) known->second = files_of(slice.name);
    parts.push_back({slice, known->second});
  }
  return parts;
}

std::vector<SplitSlice> complete_splits(const std::vector<std::string>& names) {
  std::vector<SplitSlice> slices(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) slices[i].name = names[i];
  return slices;
}

// What the split asks for of a folder with the splits `names`, of which `all` are those of the split "all".
std::vector<SplitSlice> slices_of(const DatasetOptions& options, const std::vector<std::string>& names,
                                  const std::vector<std::string>& all) {
  const auto exists = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (exists(options.split)) return complete_splits({options.split});
  if (options.split == "all") return complete_splits(all);
  const auto slices = parse_split(options.split, split_place(options));
  const bool all_exist = slices && std::all_of(slices->begin(), slices->end(),
                                               [&](const SplitSlice& slice) { return exists(slice.name); });
  if (!all_exist) fail_split(options, names);
  return *slices;
}

std::vector<SplitPart> saved_parts(const DatasetOptions& options) {
  const std::vector<std::string> names = saved_splits(options.path);
  // The one split of a single saved Dataset can have two names.
  const auto all = is_saved_dict(options.path) ? names : std::vector<std::string>{names.front()};
  return parts_of(slices_of(options, names, all),
                  [&](const std::string& name) { return saved_split_files(options, name); });
}

std::vector<SplitPart> repository_parts(const DatasetOptions& options) {
  const Repository repository = open_repository(options);
  std::vector<std::string> names;
  for (const auto& [name, patterns] : repository.patterns) names.push_back(name);
  return parts_of(slices_of(options, names, names),
                  [&](const std::string& name) { return repository_split_files(repository, options, name); });
}

// A file is one split, under any one name.
std::vector<SplitPart> file_parts(const DatasetOptions& options) {
  const auto slices = parse_split(options.split, split_place(options));
  const bool one_name = slices && std::all_of(slices->begin(), slices->end(), [&](const SplitSlice& slice) {
                          return slice.name == slices->front().name;
                        });
  if (!one_name) {
    fail_data(
        "{}: no split \"{}\"; expected one of: train; a file is one split, of which slices can be taken, as "
        "in "
        "train[:10%]",
        options.path.string(), options.split);
  }
  return parts_of(*slices, [&](const std::string&) { return std::vector<fs::path>{options.path}; });
}

}  // namespace

Format format_of(const fs::path& path) {
  const Extension* extension = extension_of(path);
  return extension != nullptr ? extension->format : Format::none;
}

bool is_tab_separated(const fs::path& path) {
  const Extension* extension = extension_of(path);
  return extension != nullptr && extension->suffix == "tsv";
}

std::vector<SplitPart> find_split_parts(const DatasetOptions& options) {
  if (fs::is_directory(options.path))
    return is_saved_dataset(options.path) ? saved_parts(options) : repository_parts(options);
  if (fs::exists(options.path)) return file_parts(options);
  fail_io("{}: not found; expected a data set's file or folder", options.path.string());
}

}  // namespace armorm::data
