// The keys that clients may use.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace armorm::stages::serving {

// Thread-safe. Keys are kept as digests and never shown.
class ApiKeys {
 public:
  ApiKeys() = default;  // without keys everything is allowed
  // One key per line; empty lines and lines that start with # are not keys. io error when the file cannot be
  // read; usage error for a file without keys, and for keys with spaces or of less than 16 characters.
  explicit ApiKeys(std::filesystem::path file);

  // Reads the file again; the old keys stay when that fails, with an error in the log.
  void reload();
  // `authorization`: the value of the header, "Bearer <key>". Takes as long for a wrong key as for a right
  // one.
  bool allows(std::string_view authorization) const;

 private:
  std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::vector<std::string> digests_;  // guarded by mutex_
};

}  // namespace armorm::stages::serving
