// A Hub with one repository on loopback, and a storage server behind it for the LFS files.
#pragma once

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "hub/client.h"
#include "support/loopback_server.h"
#include "support/test_support.h"

namespace armorm::test {

inline const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
inline const std::string kToken = "hf_secretsecret";
// SHA-1 from git: `printf 'hello\n' | git hash-object --stdin`, and that of empty content.
inline const std::string kHelloSha1 = "ce013625030ba8dba906f756967f9e9ca394464a";
inline const std::string kEmptySha1 = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

struct FakeFile {
  std::string content;
  std::string sha1;  // git's hash; empty = an LFS file, identified by its SHA-256

  std::string etag() const { return sha1.empty() ? sha256_hex(content) : sha1; }
};

// Modifies one answer. Used in order, one per GET whose target ends with the key.
using Fault = std::function<void(const HttpAsked&, HttpReply&)>;

class FakeHub {
 public:
  explicit FakeHub(std::map<std::string, FakeFile> content, std::string kind = "models")
      : files(std::move(content)),
        kind_(std::move(kind)),
        storage([this](const HttpAsked& asked) { return faulty(asked, from_storage(asked)); }),
        hub([this](const HttpAsked& asked) { return faulty(asked, answer(asked)); }) {}

  hub::HubClientOptions options(const std::filesystem::path& cache) {
    hub::HubClientOptions out;
    out.cache = cache;
    out.endpoint = hub.url();
    out.token = kToken;
    out.http.sleep = [this](std::chrono::milliseconds delay) {
      const std::lock_guard lock(mutex_);
      delays.push_back(delay);
    };
    return out;
  }

  void add_fault(const std::string& target_end, Fault fault) {
    const std::lock_guard lock(mutex_);
    faults_[target_end].push_back(std::move(fault));
  }

  std::map<std::string, FakeFile> files;
  std::vector<std::chrono::milliseconds> delays;

 private:
  HttpReply faulty(const HttpAsked& asked, HttpReply reply) {
    const std::lock_guard lock(mutex_);
    for (auto& [end, waiting] : faults_) {
      if (asked.method != "GET" || !asked.target.ends_with(end) || waiting.empty()) continue;
      waiting.front()(asked, reply);
      waiting.pop_front();
      break;
    }
    return reply;
  }

  static HttpReply ranged(const HttpAsked& asked, const std::string& content) {
    const std::string range = asked.header("range");
    if (!range.starts_with("bytes=")) return {200, {}, content};
    const std::size_t start = std::stoul(range.substr(6));
    if (start >= content.size()) return {416, {}, ""};
    const std::string total = std::to_string(content.size());
    return {206,
            {{"Content-Range",
              "bytes " + std::to_string(start) + "-" + std::to_string(content.size() - 1) + "/" + total}},
            content.substr(start)};
  }

  HttpReply from_storage(const HttpAsked& asked) const {
    for (const auto& [name, file] : files) {
      if (asked.target == std::string("/").append(file.etag()).append("?signature=private"))
        return ranged(asked, file.content);
    }
    return {403, {}, "wrong signature"};
  }

  HttpReply listing() const {
    nlohmann::json json = {{"sha", kCommit}, {"siblings", nlohmann::json::array()}};
    for (const auto& [name, file] : files) json["siblings"].push_back({{"rfilename", name}});
    return {200, {{"Content-Type", "application/json"}}, json.dump()};
  }

  HttpReply answer(const HttpAsked& asked) const {
    if (asked.target.starts_with("/api/" + kind_ + "/org/name/revision/")) return listing();
    const std::string prefix =
        std::string(kind_ == "models" ? "" : "/datasets") + "/org/name/resolve/" + kCommit + "/";
    for (const auto& [name, file] : files) {
      if (asked.target == prefix + name) return resolve(asked, file);
    }
    return {404, {{"X-Error-Code", "EntryNotFound"}}, "not here"};
  }

  HttpReply resolve(const HttpAsked& asked, const FakeFile& file) const {
    HttpReply reply = ranged(asked, file.content);
    reply.headers.emplace_back("X-Repo-Commit", kCommit);
    if (!file.sha1.empty()) {
      reply.headers.emplace_back("ETag", "\"" + file.sha1 + "\"");
      return reply;
    }
    reply.status = 302;
    reply.headers.emplace_back("X-Linked-Etag", "\"" + file.etag() + "\"");
    reply.headers.emplace_back("X-Linked-Size", std::to_string(file.content.size()));
    // Another name and port than those of the Hub.
    reply.headers.emplace_back("Location",
                               storage.url("localhost") + "/" + file.etag() + "?signature=private");
    reply.body = "elsewhere";
    return reply;
  }

  std::string kind_;
  std::mutex mutex_;
  std::map<std::string, std::deque<Fault>> faults_;

 public:
  LoopbackServer storage;
  LoopbackServer hub;
};

}  // namespace armorm::test
