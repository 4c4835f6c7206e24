#include "data/unread_files.h"

#include <algorithm>
#include <set>

#include "core/accounting.h"
#include "data/glob.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

// Written by save_to_disk, and by `datasets` as it maps a saved data set.
bool is_of_saved_set(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == "state.json" || (name.starts_with("cache-") && file.extension() == ".arrow");
}

}  // namespace

bool describes_data(const std::string& file) {
  static const std::set<std::string> kSuffixes{".md",  ".py",   ".sh",  ".ipynb", ".pdf",  ".png",
                                               ".jpg", ".jpeg", ".gif", ".svg",   ".html", ".yaml",
                                               ".yml", ".toml", ".bib", ".cff",   ".lock"};
  static const std::set<std::string> kNames{"LICENSE", "LICENCE", "NOTICE",   "COPYING",   "CITATION",
                                            "AUTHORS", "README",  "Makefile", "CHANGELOG", "requirements"};
  const fs::path path(file);
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (kSuffixes.contains(suffix)) return true;
  if (!suffix.empty() && suffix != ".txt" && suffix != ".rst") return false;
  const std::string name = path.filename().string();
  return kNames.contains(name.substr(0, name.find_first_of(".-_")));
}

void warn_of_unread_files(const fs::path& folder, const std::vector<fs::path>& read) {
  Accounting account(folder.string(), "file");
  const fs::path root = folder.lexically_normal();
  for (const fs::path& file : read)
    account.use(file.lexically_normal().lexically_relative(root).generic_string());
  for (const std::string& file : select_files("**", list_files(folder)))
    if (!describes_data(file) && !is_of_saved_set(file)) account.give(file);
  for (const std::string& link : list_linked_folders(folder)) account.give(link + "/");
  account.warn_of_rest("no split holds it, so it is not read");
}

}  // namespace armorm::data
