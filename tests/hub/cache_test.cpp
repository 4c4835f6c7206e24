#include "hub/cache.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/rows.h"
#include "io/publish.h"

namespace fs = std::filesystem;
using armorm::hub::artifact_name;
using armorm::hub::RepoKind;
using armorm::test::golden_json;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

// Sets an environment variable (or removes it: nullptr) for a scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) const {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("snapshots are found where huggingface_hub finds them", "[golden]") {
  const nlohmann::json golden = golden_json("hub_cache.json");
  const TempDir cache;
  for (const auto& [file, text] : golden["tree"].items()) {
    armorm::io::publish_text(cache.path() / file, text.get<std::string>());
  }
  const Variable variable("HF_HUB_CACHE", cache.path().c_str());
  const Variable offline("HF_HUB_OFFLINE", "1");
  for (const auto& item : golden["cases"]) {
    CAPTURE(item);
    const bool is_model = item["kind"] == "model";
    const std::string id = item["id"];
    const std::string text = item["revision"].is_null() ? id : id + "@" + item["revision"].get<std::string>();
    const auto resolve = [&] {
      return is_model ? armorm::hub::resolve_model(text) : armorm::hub::resolve_dataset(text);
    };
    if (item["found"].is_null()) {
      CHECK_THROWS_WITH(resolve(), Contains(text) && Contains("hf download " + id));
    } else {
      CHECK(resolve() == cache.path() / item["found"].get<std::string>());
      CHECK(artifact_name(resolve().string()) == fs::path(id).filename());
      CHECK(artifact_name(resolve().string() + "/") == fs::path(id).filename());
    }
    CHECK(artifact_name(text) == fs::path(id).filename());
  }
}

TEST_CASE("what is a Hub id", "[golden]") {
  const nlohmann::json golden = golden_json("hub_cache.json");
  for (const auto& [id, valid] : golden["ids"].items()) {
    CAPTURE(id);
    CHECK(armorm::hub::parse_hub_id(id).has_value() == valid.get<bool>());
  }
  CHECK(armorm::hub::parse_hub_id("org/name")->revision == "main");
  CHECK(armorm::hub::parse_hub_id("org/name@refs/pr/1")->revision == "refs/pr/1");
  CHECK(armorm::hub::parse_hub_id("org/name@refs/pr/1")->id == "org/name");
  for (const std::string text :
       {"", "org/name@", "org/name@/etc", "org/name@../x", "org/name@a/../../x", "org/name@x/"}) {
    CAPTURE(text);
    CHECK_FALSE(armorm::hub::parse_hub_id(text).has_value());
  }
}

TEST_CASE("a local path wins over a Hub id", "[unit]") {
  const TempDir dir;
  const Variable variable("HF_HUB_CACHE", (dir / "cache").c_str());
  const Variable offline("HF_HUB_OFFLINE", "1");
  fs::create_directories(dir / "org/name@v1");
  CHECK(armorm::hub::resolve_model((dir / "org/name@v1").string()) == dir / "org/name@v1");
  CHECK(artifact_name((dir / "org/name@v1").string()) == "name@v1");
  try {
    armorm::hub::resolve_dataset("org/name");
    FAIL("resolved");
  } catch (const armorm::Error& error) {
    CHECK(error.kind() == armorm::ErrorKind::io);
    CHECK_THAT(error.what(), Contains((dir / "cache").string()) && Contains("--repo-type dataset"));
  }
  CHECK_THROWS_WITH(armorm::hub::resolve_model((dir / "none").string()), Contains("not found"));
  CHECK_THROWS_WITH(armorm::hub::resolve_model(""), Contains("not found"));
}

TEST_CASE("a file that is not there is not looked for on the Hub", "[unit]") {
  const TempDir dir;
  const Variable cache("HF_HUB_CACHE", dir.path().c_str());
  const Variable offline("HF_HUB_OFFLINE", nullptr);
  const Variable endpoint("HF_ENDPOINT", "http://127.0.0.1:1");  // nobody listens
  for (const std::string text : {"pairs.jsonl", "data/pairs.jsonl.gz", "model.safetensors"})
    CHECK_THROWS_WITH(armorm::hub::resolve_dataset(text),
                      Contains(text + ": no such file") && Contains(text + "@main"));
}

TEST_CASE("a ref that holds no commit is refused", "[unit]") {
  const TempDir dir;
  const fs::path repo = dir / "models--org--name";
  fs::create_directories(repo / "snapshots");
  for (const std::string& text : std::vector<std::string>{"", "../../../etc", "main", "/etc",
                                                          std::string(39, 'a'), std::string(41, 'a')}) {
    armorm::io::publish_text(repo / "refs/main", text);
    CHECK_THROWS_WITH(armorm::hub::find_snapshot(dir.path(), RepoKind::model, {"org/name", "main"}),
                      Contains("40 hex"));
  }
  const std::string commit(40, 'b');
  armorm::io::publish_text(repo / "refs/main", commit + "\n");
  CHECK_FALSE(armorm::hub::find_snapshot(dir.path(), RepoKind::model, {"org/name", "main"}).has_value());
  fs::create_directories(repo / "snapshots" / commit);
  CHECK(armorm::hub::find_snapshot(dir.path(), RepoKind::model, {"org/name", "main"}) ==
        repo / "snapshots" / commit);
}

TEST_CASE("where the Hub cache is", "[unit]") {
  const Variable cache("HF_HUB_CACHE", nullptr);
  const Variable old_cache("HUGGINGFACE_HUB_CACHE", nullptr);
  const Variable hf_home("HF_HOME", nullptr);
  const Variable xdg("XDG_CACHE_HOME", nullptr);
  const Variable home("HOME", "/home/u");
  CHECK(armorm::hub::hub_cache_folder() == "/home/u/.cache/huggingface/hub");
  const Variable xdg_set("XDG_CACHE_HOME", "/x");
  CHECK(armorm::hub::hub_cache_folder() == "/x/huggingface/hub");
  const Variable hf_home_set("HF_HOME", "~/hf");
  CHECK(armorm::hub::hub_cache_folder() == "/home/u/hf/hub");
  const Variable old_set("HUGGINGFACE_HUB_CACHE", "/old");
  CHECK(armorm::hub::hub_cache_folder() == "/old");
  const Variable set("HF_HUB_CACHE", "/new");
  CHECK(armorm::hub::hub_cache_folder() == "/new");
}

TEST_CASE("names of artefacts", "[unit]") {
  const std::string sha(40, 'a');
  CHECK(artifact_name("/data/models/FsfairX-LLaMA3-RM-v0.1") == "FsfairX-LLaMA3-RM-v0.1");
  CHECK(artifact_name("/data/models/FsfairX-LLaMA3-RM-v0.1///") == "FsfairX-LLaMA3-RM-v0.1");
  CHECK(artifact_name("sfairXC/FsfairX-LLaMA3-RM-v0.1") == "FsfairX-LLaMA3-RM-v0.1");
  CHECK(artifact_name("/c/models--sfairXC--FsfairX-LLaMA3-RM-v0.1/snapshots/" + sha) ==
        "FsfairX-LLaMA3-RM-v0.1");
  CHECK(artifact_name("/c/datasets--allenai--reward-bench/snapshots/" + sha + "/") == "reward-bench");
  CHECK(artifact_name("/c/models--gpt2/snapshots/" + sha) == "gpt2");
  CHECK(artifact_name("/c/other/snapshots/" + sha) == sha);
  CHECK(artifact_name("/data/pairs.jsonl") == "pairs.jsonl");
  CHECK(artifact_name("/data/set/.") == "set");
  CHECK(artifact_name("/data/a/../b/") == "b");
  CHECK(artifact_name(".") == fs::current_path().filename());
  CHECK_THROWS_AS(artifact_name(""), armorm::Error);
  CHECK_THROWS_AS(artifact_name("/"), armorm::Error);
}
