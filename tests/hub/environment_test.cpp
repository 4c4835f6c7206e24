// Which files are downloaded, under which names, and the effect of environment variables.
#include <cstdlib>

#include "core/error.h"
#include "data/rows.h"
#include "hub/hub_fake.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/log_capture.h"

namespace fs = std::filesystem;
using armorm::hub::RepoKind;
using namespace armorm::test;
using Catch::Matchers::Contains;

namespace {

// Sets variables for a scope; all other Hub variables are unset.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& values) {
    for (const char* name :
         {"HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE",
          "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN",
          "HF_DATASETS_OFFLINE", "XDG_CACHE_HOME", "HOME"}) {
      const char* before = std::getenv(name);
      before_[name] = before != nullptr ? std::optional<std::string>(before) : std::nullopt;
      ::unsetenv(name);
    }
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : before_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

std::map<std::string, FakeFile> small_model() {
  return {{"config.json", {"hello\n", kHelloSha1}}, {"model.safetensors", {"weights", ""}}};
}

}  // namespace

TEST_CASE("names that lead out of the cache are refused", "[unit]") {
  const std::string nul("a\0.safetensors", 14);
  for (const std::string& name :
       {std::string("../a.parquet"), std::string("/etc/a.parquet"), std::string("a/../../b.parquet"),
        std::string("a//b.parquet"), std::string("./b.parquet"), std::string("a\\b.parquet"),
        std::string("a\nb.parquet"), std::string("a/b\0c.parquet", 13), std::string(300, 'a') + ".parquet"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(armorm::hub::files_to_fetch(RepoKind::dataset, "org/name", {"ok.parquet", name}),
                      Contains("do not trust"));
  }
  for (const std::string& name : {std::string("..\\a.safetensors"), nul}) {
    CHECK_THROWS_WITH(armorm::hub::files_to_fetch(RepoKind::model, "org/name", {name}),
                      Contains("do not trust"));
  }
  using Names = std::vector<std::string>;
  CHECK(armorm::hub::files_to_fetch(RepoKind::dataset, "org/name", {"a b/\u00fc..x.parquet", "../x.py"}) ==
        Names{"a b/\u00fc..x.parquet"});
}

TEST_CASE("files of a data set that are not fetched are named", "[unit]") {
  const std::vector<std::string> all{
      ".huggingface.yaml",  "README.md", "a.jsonl", "b.jsonl.bz2", "c.zip", ".cache/d.zip", "set.py",
      "x/.huggingface.yaml"};
  std::vector<std::string> lines;
  {
    const armorm::test::LogCapture capture(lines);
    CHECK(armorm::hub::files_to_fetch(RepoKind::dataset, "org/name", all) ==
          std::vector<std::string>(all.begin(), all.begin() + 3));
  }
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("org/name: files 'b.jsonl.bz2', 'c.zip'") && Contains("not fetched"));
}

TEST_CASE("a repository without anything to read is refused", "[unit]") {
  CHECK_THROWS_WITH(armorm::hub::files_to_fetch(RepoKind::model, "org/name", {"config.json", "model.gguf"}),
                    Contains("*.safetensors") && Contains("pytorch_model"));
  CHECK_THROWS_WITH(armorm::hub::files_to_fetch(RepoKind::dataset, "org/name", {"README.md", "set.py"}),
                    Contains("Parquet"));
}

TEST_CASE("ids are fetched when missing, and not again", "[unit]") {
  const TempDir dir;
  FakeHub hub(small_model());
  const Environment environment({{"HF_HOME", dir.path().string()},
                                 {"HF_ENDPOINT", hub.hub.url() + "/"},
                                 {"HF_TOKEN", " " + kToken + "\n"}});
  const fs::path snapshot = dir / ("hub/models--org--name/snapshots/" + kCommit);
  CHECK(armorm::hub::resolve_model("org/name") == snapshot);
  const std::size_t asked = hub.hub.asked().size();
  for (const HttpAsked& request : hub.hub.asked())
    CHECK(request.header("authorization") == "Bearer " + kToken);
  CHECK(armorm::hub::resolve_model("org/name") == snapshot);
  CHECK(armorm::hub::resolve_model("org/name@" + kCommit) == snapshot);
  CHECK(hub.hub.asked().size() == asked);

  fs::remove(snapshot / "model.safetensors");  // as after `hf download org/name config.json`
  CHECK_FALSE(armorm::hub::is_complete_snapshot(RepoKind::model, snapshot));
  CHECK(armorm::hub::resolve_model("org/name") == snapshot);
  CHECK(armorm::io::read_text_file(snapshot / "model.safetensors") == "weights");
}

TEST_CASE("offline, nothing is asked", "[unit]") {
  const TempDir dir;
  FakeHub hub(small_model());
  const Environment environment(
      {{"HF_HOME", dir.path().string()}, {"HF_ENDPOINT", hub.hub.url()}, {"HF_HUB_OFFLINE", "yes"}});
  CHECK_THROWS_WITH(armorm::hub::resolve_model("org/name"), Contains("HF_HUB_OFFLINE"));
  CHECK(hub.hub.asked().empty());
}

TEST_CASE("a part of a model will do when the Hub refuses", "[unit]") {
  const TempDir dir;
  FakeHub hub(small_model());
  const Environment environment({{"HF_HOME", dir.path().string()}, {"HF_ENDPOINT", hub.hub.url()}});
  const fs::path snapshot = dir / ("hub/models--org--name/snapshots/" + kCommit);
  armorm::io::publish_text(snapshot / "config.json", "{}");
  armorm::io::publish_text(dir / "hub/models--org--name/refs/main", kCommit);
  hub.add_fault("/revision/" + kCommit, [](const HttpAsked&, HttpReply& reply) { reply = {401, {}, ""}; });
  CHECK(armorm::hub::resolve_model("org/name") == snapshot);
  CHECK(hub.hub.asked().size() == 1);
}

TEST_CASE("a sharded model is complete with all its shards", "[unit]") {
  const TempDir dir;
  armorm::io::publish_text(dir / "config.json", "{}");
  armorm::io::publish_text(dir / "model.safetensors.index.json",
                           R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})");
  armorm::io::publish_text(dir / "model-1.safetensors", "");
  armorm::io::publish_text(dir / "tokenizer.json", "{}");
  armorm::io::publish_text(dir / "tokenizer_config.json", R"({"chat_template": "x"})");
  CHECK_FALSE(armorm::hub::is_complete_snapshot(RepoKind::model, dir.path()));
  armorm::io::publish_text(dir / "model-2.safetensors", "");
  CHECK(armorm::hub::is_complete_snapshot(RepoKind::model, dir.path()));
}

TEST_CASE("a model needs its tokenizer and a chat template to be complete", "[unit]") {
  const TempDir dir;
  const auto is_complete = [&] { return armorm::hub::is_complete_snapshot(RepoKind::model, dir.path()); };
  armorm::io::publish_text(dir / "config.json", "{}");
  armorm::io::publish_text(dir / "model.safetensors", "");
  CHECK_FALSE(is_complete());
  armorm::io::publish_text(dir / "tokenizer.json", "{}");
  CHECK_FALSE(is_complete());
  armorm::io::publish_text(dir / "tokenizer_config.json", "{}");
  CHECK_FALSE(is_complete());
  armorm::io::publish_text(dir / "chat_template.jinja", "x");
  CHECK(is_complete());
  fs::remove(dir / "tokenizer.json");
  CHECK_FALSE(is_complete());
}

namespace {

std::map<std::string, FakeFile> three_shards() {
  return {{"README.md", {"hello\n", kHelloSha1}},
          {"data/train-00000-of-00003.jsonl", {"{\"f\":\"a\"}\n", ""}},
          {"data/train-00001-of-00003.jsonl", {"{\"f\":\"b\"}\n", ""}},
          {"data/train-00002-of-00003.jsonl", {"{\"f\":\"c\"}\n", ""}}};
}

// State after load_dataset(..., data_files=...) of another program: some of the files, and the ref.
fs::path cache_part(const TempDir& dir, const std::vector<std::string>& names) {
  const auto files = three_shards();
  const fs::path repo = dir / "hub/datasets--org--name";
  for (const std::string& name : names)
    armorm::io::publish_text(repo / "snapshots" / kCommit / name, files.at(name).content);
  armorm::io::publish_text(repo / "refs/main", kCommit);
  return repo / "snapshots" / kCommit;
}

}  // namespace

TEST_CASE("what a cached data set lacks is fetched, and nothing else", "[unit]") {
  for (const std::string part : {"data/train-00000-of-00003.jsonl", "README.md"}) {
    CAPTURE(part);
    const TempDir dir;
    FakeHub hub(three_shards(), "datasets");
    const Environment environment({{"HF_HOME", dir.path().string()}, {"HF_ENDPOINT", hub.hub.url()}});
    const fs::path snapshot = cache_part(dir, {part});
    CHECK(armorm::hub::resolve_dataset("org/name") == snapshot);
    CHECK(open_dataset(snapshot).read_strings("f") == std::vector<std::string>{"a", "b", "c"});
    CHECK(hub.hub.count("GET", part) == 0);
    const std::size_t asked = hub.hub.asked().size();
    CHECK(armorm::hub::resolve_dataset("org/name") ==
          snapshot);  // known to be complete: the Hub is not asked again
    CHECK(armorm::hub::resolve_dataset("org/name@" + kCommit) == snapshot);
    CHECK(hub.hub.asked().size() == asked);
    fs::remove(snapshot / "data/train-00002-of-00003.jsonl");  // deleted by a cleanup of the cache
    CHECK(armorm::hub::resolve_dataset("org/name") == snapshot);
    CHECK(open_dataset(snapshot).num_rows() == 3);
  }
}

TEST_CASE("a cache that holds all files is known to be whole after one question", "[unit]") {
  const TempDir dir;
  FakeHub hub(three_shards(), "datasets");
  const Environment environment({{"HF_HOME", dir.path().string()}, {"HF_ENDPOINT", hub.hub.url()}});
  std::vector<std::string> names;
  for (const auto& [name, file] : three_shards()) names.push_back(name);
  const fs::path snapshot = cache_part(dir, names);
  CHECK(armorm::hub::resolve_dataset("org/name") == snapshot);
  CHECK(hub.hub.asked().size() == 1);
  CHECK(hub.hub.asked().front().target.ends_with("/revision/" + kCommit));  // not the branch
  CHECK(armorm::hub::resolve_dataset("org/name") == snapshot);
  CHECK(hub.hub.asked().size() == 1);
}

TEST_CASE("offline, a part of a data set is refused and the rest named", "[unit]") {
  const TempDir dir;
  const Environment environment({{"HF_HOME", dir.path().string()}, {"HF_HUB_OFFLINE", "1"}});
  const fs::path snapshot = cache_part(dir, {"data/train-00000-of-00003.jsonl"});
  CHECK(armorm::hub::resolve_dataset("org/name") == snapshot);
  CHECK_THROWS_WITH(open_dataset(snapshot),
                    Contains("data/train-00001-of-00003.jsonl") &&
                        Contains("data/train-00002-of-00003.jsonl") &&
                        Contains("hf download org/name --repo-type dataset --revision " + kCommit));
  armorm::io::publish_text(snapshot / "data/train-00001-of-00003.jsonl", "{}");
  armorm::io::publish_text(snapshot / "data/train-00002-of-00003.jsonl", "{}");
  CHECK(open_dataset(snapshot).num_rows() == 3);
  // A card may name one of several on purpose.
  fs::remove(snapshot / "data/train-00002-of-00003.jsonl");
  armorm::io::publish_text(
      snapshot / "README.md",
      "---\nconfigs:\n- config_name: default\n  data_files: data/train-00001-of-00003.jsonl\n---\n");
  CHECK(open_dataset(snapshot).num_rows() == 1);
  fs::remove_all(snapshot / "data");
  CHECK_THROWS_WITH(open_dataset(snapshot), Contains("hf download org/name"));
}

TEST_CASE("where the token comes from", "[unit]") {
  const TempDir dir;
  armorm::io::publish_text(dir / "token", "hf_home\n");
  armorm::io::publish_text(dir / "named", "hf_named");
  const std::string home = dir.path().string();
  const auto token = [](const std::map<std::string, std::string>& values) {
    const Environment environment(values);
    return armorm::hub::hub_client_options().token;
  };
  CHECK(token({{"HF_HOME", home}}) == "hf_home");
  CHECK(token({{"HF_HOME", home}, {"HF_TOKEN_PATH", (dir / "named").string()}}) == "hf_named");
  CHECK(token({{"HF_HOME", home}, {"HF_TOKEN", "hf_env"}}) == "hf_env");
  CHECK(token({{"HF_HOME", home}, {"HF_TOKEN", "hf_env"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}).empty());
  CHECK(token({{"HF_HOME", (dir / "none").string()}}).empty());
  CHECK_THROWS_WITH(token({{"HF_HOME", home}, {"HF_TOKEN", "hf_bad\r\nX-Header: 1"}}),
                    Contains("HF_TOKEN") && !Contains("hf_bad"));
}

TEST_CASE("variables in the cache's path are expanded as Python expands them", "[unit]") {
  const Environment environment({{"HOME", "/home/me"}, {"XDG_CACHE_HOME", "/fast"}});
  const auto cache = [](const char* home) {
    ::setenv("HF_HOME", home, 1);
    return armorm::hub::hub_cache_folder().string();
  };
  CHECK(cache("$XDG_CACHE_HOME/hf") == "/fast/hf/hub");
  CHECK(cache("${XDG_CACHE_HOME}hf") == "/fasthf/hub");
  CHECK(cache("~/$XDG_CACHE_HOME") == "/home/me//fast/hub");
  CHECK(cache("/a/$ARMORM_TEST_UNSET/${ARMORM_TEST_UNSET}/$") ==
        "/a/$ARMORM_TEST_UNSET/${ARMORM_TEST_UNSET}/$/hub");
}

TEST_CASE("HF_DATASETS_OFFLINE keeps data sets from being fetched", "[unit]") {
  const armorm::test::TempDir dir;
  const Environment environment({{"HF_HOME", dir.path().string()}, {"HF_DATASETS_OFFLINE", "1"}});
  CHECK(armorm::hub::offline_variable(armorm::hub::RepoKind::dataset) == "HF_DATASETS_OFFLINE");
  CHECK(armorm::hub::offline_variable(armorm::hub::RepoKind::model).empty());
  CHECK_THROWS_WITH(armorm::hub::resolve_dataset("org/name"), Contains("HF_DATASETS_OFFLINE is set"));
}

TEST_CASE("the endpoint must be a URL", "[unit]") {
  const Environment environment({{"HF_ENDPOINT", "ftp://user:password@mirror"}, {"HOME", "/none"}});
  CHECK_THROWS_WITH(armorm::hub::hub_client_options(), Contains("http") && !Contains("password"));
  CHECK(armorm::hub::url_for_messages("https://u:p@host/a/b?X-Amz-Signature=1#f") == "https://host/a/b");
  CHECK(armorm::hub::url_escape("refs/pr 1~\xc3") == "refs%2Fpr%201~%C3");
}
